"""Training of reward models, their promotion, and scoring with them."""

from config.settings.environment import env

env.section("Reward model training")
RM_LEARNING_RATE = env.number(
    "RM_LEARNING_RATE",
    9e-6,
    minimum=1e-9,
    maximum=1.0,
    about="Peak learning rate; InstructGPT C.2. Cosine to 10% of it.",
)
RM_BATCH_RANKINGS = env.integer(
    "RM_BATCH_RANKINGS",
    64,
    minimum=1,
    maximum=65_536,
    about="Rankings (prompts) in one optimizer step; InstructGPT C.2.",
)
RM_EPOCHS = env.integer("RM_EPOCHS", 1, minimum=1, maximum=100, about="Passes over the rankings; more overfit (C.2).")
RM_MAX_LENGTH = env.integer(
    "RM_MAX_LENGTH", 2048, minimum=8, maximum=1_048_576, about="Longest prompt with completion, in tokens."
)
RM_FREEZE_EMBEDDINGS = env.boolean(
    "RM_FREEZE_EMBEDDINGS",
    default=False,
    about="Leave the token embeddings as they are; saves memory on small machines.",
)
RM_CHECKPOINT_EVERY = env.integer(
    "RM_CHECKPOINT_EVERY",
    100,
    minimum=1,
    maximum=1_000_000,
    about="Optimizer steps between checkpoints, from which a training that was interrupted goes on.",
)
TRAINING_SILENT_MINUTES = env.integer(
    "TRAINING_SILENT_MINUTES",
    30,
    minimum=1,
    maximum=10_080,
    about="A training process that makes no progress for so long hangs: it is ended, and goes on from its checkpoint.",
)
RM_TRAIN_LAUNCHER = env.command(
    "RM_TRAIN_LAUNCHER",
    "python -m rm_trainer",
    about="Starts training: on one device, by torchrun on several, by a scheduler. python is the worker's own.",
)

env.section("Policies")
POLICY_PRESET = env.text(
    "POLICY_PRESET", "", about="The trainer's preset of the first recipes (6b, demo-270m). Empty: its own defaults."
)
SFT_BASE_MODEL_PATH = env.text(
    "SFT_BASE_MODEL_PATH",
    "",
    about="What the first SFT recipe begins from: a directory or a Hugging Face id. Empty: the current SFT model.",
)
POLICY_TRAIN_LAUNCHER = env.command(
    "POLICY_TRAIN_LAUNCHER",
    "python -m policy_trainer",
    about="Starts a policy's training: on one device, by torchrun on several, by a scheduler.",
)

env.section("Scoring")
SCORE_BATCH_SIZE = env.integer(
    "SCORE_BATCH_SIZE",
    16,
    minimum=1,
    maximum=4096,
    about="Completions that pass through the reward model at a time.",
)
SCORE_COMPLETIONS_PER_MINUTE = env.integer(
    "SCORE_COMPLETIONS_PER_MINUTE",
    2000,
    minimum=0,
    maximum=1_000_000,
    about="Most completions of ranking tasks that a scoring worker scores ahead in a minute; 0: none.",
)
SCORE_REQUESTS_PER_MINUTE = env.integer(
    "SCORE_REQUESTS_PER_MINUTE", 60, minimum=1, maximum=100_000, about="Most API requests for rewards of one account."
)

env.section("Retraining")
RETRAIN_AFTER_RANKINGS = env.integer(
    "RETRAIN_AFTER_RANKINGS", 1000, minimum=1, maximum=1_000_000, about="New rankings that start a retraining."
)
RETRAIN_AFTER_DAYS = env.integer(
    "RETRAIN_AFTER_DAYS", 7, minimum=1, maximum=3650, about="Days after which even one new ranking starts a retraining."
)
RETRAIN_CHECK_SECONDS = env.integer(
    "RETRAIN_CHECK_SECONDS", 60, minimum=1, maximum=86_400, about="How often beat asks whether a retraining is due."
)
PROMOTE_TOLERANCE = env.number(
    "PROMOTE_TOLERANCE",
    0.02,
    minimum=0.0,
    maximum=1.0,
    about="Not worse: on the test split the lower bound of the accuracy's difference is minus this or more.",
)
PROMOTE_MIN_ACCURACY_GAIN = env.number(
    "PROMOTE_MIN_ACCURACY_GAIN",
    0.0,
    minimum=-1.0,
    maximum=1.0,
    about="Better: on the newest batch the lower bound of the accuracy's difference is above this.",
)
PROMOTE_CONFIDENCE = env.number(
    "PROMOTE_CONFIDENCE", 0.95, minimum=0.5, maximum=0.999, about="Of both bounds; each is one-sided."
)
PROMOTE_MIN_TEST_RANKINGS = env.integer(
    "PROMOTE_MIN_TEST_RANKINGS", 50, minimum=1, maximum=1_000_000, about="Fewer test rankings promote nothing."
)
PROMOTE_MIN_NEW_RANKINGS = env.integer(
    "PROMOTE_MIN_NEW_RANKINGS", 50, minimum=1, maximum=1_000_000, about="A smaller newest batch promotes nothing."
)
INCLUDE_SIMULATED_IN_RETRAINING = env.boolean(
    "INCLUDE_SIMULATED_IN_RETRAINING",
    default=False,
    about="Let simulated labelers' rankings train, too; what learns from them stays a candidate. For demos only.",
)
INCLUDE_IMPORTED_IN_RETRAINING = env.boolean(
    "INCLUDE_IMPORTED_IN_RETRAINING",
    default=False,
    about="Let existing comparisons that were imported train and evaluate, beside labelers' rankings.",
)
