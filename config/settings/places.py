"""Folders, and the addresses of PostgreSQL and Redis as they were given."""

from config.settings.environment import BASE_DIR, env

env.section("Where things are")
VAR_DIR = env.path("VAR_DIR", "var", base=BASE_DIR, about="Everything that Concord writes; relative to the repository.")
given_database_url = env.url(
    "DATABASE_URL",
    schemes=("postgresql", "postgres"),
    example="postgresql://concord:password@db.example.org:5432/concord?sslmode=require",
    about="Your PostgreSQL (15 or later). Unset: an embedded one under VAR_DIR, and the laptop's shape.",
)
given_redis_url = env.url(
    "REDIS_URL",
    schemes=("redis", "rediss", "unix"),
    example="redis://redis.example.org:6379/0",
    about="Your Redis, which carries task messages. Required with DATABASE_URL. Unset on a laptop: an embedded one.",
)
MODELS_DIR = env.path(
    "MODELS_DIR", "models", base=VAR_DIR, about="Language models are assembled here; relative to VAR_DIR."
)
SNAPSHOTS_DIR = env.path(
    "SNAPSHOTS_DIR", "snapshots", base=VAR_DIR, about="Retraining exports its snapshots here; relative to VAR_DIR."
)
CHECKPOINTS_DIR = env.path(
    "CHECKPOINTS_DIR", "checkpoints", base=VAR_DIR, about="Reward models are trained into here; relative to VAR_DIR."
)
STATIC_DIR = env.path(
    "STATIC_DIR", "static", base=VAR_DIR, about="Style sheets and scripts are collected here; relative to VAR_DIR."
)

# Where `manage.py up` assembles the demo's language model, the first one where SFT_MODEL_PATH names no other.
DEMO_MODEL_DIR = MODELS_DIR / "gemma-3-270m"

DISK_ALERT_GIB = env.number(
    "DISK_ALERT_GIB",
    10,
    minimum=0,
    maximum=1_000_000,
    about="Less free space than this on a disk of these folders is said in the admin and by /readyz, in GiB.",
)
