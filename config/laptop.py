"""Values for a small model on a small machine, which take the place of the defaults where DATABASE_URL is unset.

The defaults of config/settings.py are those of a 6B model on GPUs. With 270M parameters and some dozens of rankings on
two CPU cores they would show nothing within an afternoon. The environment wins over both.
"""

DEMO_MODEL = "gemma-3-270m"

LAPTOP_DEFAULTS = {
    "K_MAX": "4",
    "SAMPLING_MAX_NEW_TOKENS": "96",
    "SAMPLING_TEMPERATURE": "0.7",
    "SAMPLING_TOP_P": "0.9",
    "READY_QUEUE_DEPTH": "8",
    "RETRAIN_AFTER_RANKINGS": "40",
    "PROMOTE_CONFIDENCE": "0.8",
    "PROMOTE_MIN_TEST_RANKINGS": "4",
    "PROMOTE_MIN_NEW_RANKINGS": "4",
    "RM_LEARNING_RATE": "3e-5",
    "RM_BATCH_RANKINGS": "8",
    "RM_EPOCHS": "2",
    "RM_MAX_LENGTH": "512",
    "RM_FREEZE_EMBEDDINGS": "true",
    "SCORE_BATCH_SIZE": "8",
    "SCORE_COMPLETIONS_PER_MINUTE": "16",
}
