"""What takes the place of settings where DATABASE_URL is unset: values for a small model, and a key made on the spot.

The defaults of config/settings/ are those of a 6B model on GPUs. With 270M parameters and some dozens of rankings on
two CPU cores they would show nothing within an afternoon. The environment wins over both.
"""

import os
import secrets
from pathlib import Path

LAPTOP_DEFAULTS = {
    "DISK_ALERT_GIB": "2",
    "K_MAX": "4",
    "SAMPLING_MAX_NEW_TOKENS": "96",
    "SAMPLING_TEMPERATURE": "0.7",
    "SAMPLING_TOP_P": "0.9",
    "READY_MINUTES": "16",
    "RETRAIN_AFTER_RANKINGS": "40",
    "PROMOTE_CONFIDENCE": "0.8",
    "PROMOTE_MIN_TEST_RANKINGS": "4",
    "PROMOTE_MIN_NEW_RANKINGS": "4",
    "RM_LEARNING_RATE": "3e-5",
    "RM_BATCH_RANKINGS": "8",
    "RM_EPOCHS": "2",
    "RM_MAX_LENGTH": "512",
    "RM_FREEZE_EMBEDDINGS": "true",
    "RM_CHECKPOINT_EVERY": "5",
    "POLICY_PRESET": "demo-270m",
    "TRAINING_SILENT_MINUTES": "15",
    "SCORE_BATCH_SIZE": "8",
    "SCORE_COMPLETIONS_PER_MINUTE": "16",
}


def secret_key_in(path: Path) -> str:
    """Returns the key in `path`, made there on first use. Processes that start together agree on one key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)  # unlike a rename, refuses to replace the key that another process made meanwhile
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
