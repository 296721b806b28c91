"""Concord's settings, from the environment only.

Every variable is read here, once, and refused here in words where it makes no sense; docs/settings.md explains each.
Two shapes follow from DATABASE_URL. Without it this is a laptop: embedded servers, a key made on the spot, and values
for a small model (laptop/). With it this is production: nothing is guessed, cookies are secure, HTTP goes to
HTTPS.
"""

import os
import sys
from pathlib import Path

import django_stubs_ext

from config.connections import celery_broker, django_database
from config.env import Environment, SettingError
from config.process_name import process_name
from config.unfold import UNFOLD  # noqa: F401  (a setting; the theme reads it)

django_stubs_ext.monkeypatch()  # lets admin classes and forms name their model: ModelAdmin[Prompt]

BASE_DIR = Path(__file__).resolve().parent.parent
IS_LAPTOP = not os.environ.get("DATABASE_URL", "").strip()
HAS_LAPTOP = (BASE_DIR / "laptop").is_dir()  # images for production leave it out
if IS_LAPTOP and not HAS_LAPTOP:
    raise SettingError("DATABASE_URL must be set: this installation can't start a PostgreSQL (it has no laptop/).")
if IS_LAPTOP:
    from laptop.defaults import LAPTOP_DEFAULTS

    ENVIRONMENT = Environment(os.environ, laptop_defaults=LAPTOP_DEFAULTS)
else:
    ENVIRONMENT = Environment(os.environ)
env = ENVIRONMENT

env.section("Where things are")
VAR_DIR = env.path("VAR_DIR", "var", base=BASE_DIR, about="Everything that Concord writes; relative to the repository.")
_database_url = env.url(
    "DATABASE_URL",
    schemes=("postgresql", "postgres"),
    example="postgresql://concord:password@db.example.org:5432/concord?sslmode=require",
    about="Your PostgreSQL (15 or later). Unset: an embedded one under VAR_DIR, and the laptop's shape.",
)
_redis_url = env.url(
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

env.section("Web")
DEBUG = env.boolean("DEBUG", default=False, about="Django's debug pages. Never on a machine that others can reach.")
PRODUCTION = not IS_LAPTOP and not DEBUG
SECRET_KEY = env.text(
    "SECRET_KEY",
    "",
    about="Signs sessions; 50 random characters. Required in production; a laptop makes its own in VAR_DIR.",
)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", about="Host names that Concord answers to. Required in production."
)
CSRF_TRUSTED_ORIGINS = env.words(
    "CSRF_TRUSTED_ORIGINS", "", about="Origins such as https://label.example.org, where a proxy changes the host name."
)
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535, about="Where the web server of `manage.py up` listens.")
FORCE_HTTPS = env.boolean(
    "FORCE_HTTPS",
    default=PRODUCTION,
    shown_default="true in production",
    about="Send browsers from HTTP to HTTPS and tell them to stay there (HSTS).",
)
HSTS_SUBDOMAINS = env.boolean(
    "HSTS_SUBDOMAINS",
    default=False,
    about="With FORCE_HTTPS: bind every subdomain to HTTPS too, also those that Concord has nothing to do with.",
)
HSTS_PRELOAD = env.boolean(
    "HSTS_PRELOAD",
    default=False,
    about="Let browsers ship with that rule (hstspreload.org); hard to take back. Needs HSTS_SUBDOMAINS.",
)
BEHIND_PROXY = env.boolean(
    "BEHIND_PROXY",
    default=False,
    about="Trust X-Forwarded-Proto and X-Forwarded-For. Only behind a proxy that sets both on every request.",
)
LOGIN_TRIES = env.integer(
    "LOGIN_TRIES", 5, minimum=1, maximum=1000, about="Wrong passwords of one user name before log-in waits."
)
LOGIN_TRIES_PER_ADDRESS = env.integer(
    "LOGIN_TRIES_PER_ADDRESS",
    50,
    minimum=1,
    maximum=100_000,
    about="Wrong passwords from one address, of any names, before log-in waits; an office shares one.",
)
LOGIN_WAIT = env.duration("LOGIN_WAIT", "5m", about="How long log-in waits then: 30s, 5m, 1h.")
SESSION_AGE = env.duration("SESSION_AGE", "14d", about="How long a login lasts: 30m, 12h, 14d.")
LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", options=("DEBUG", "INFO", "WARNING", "ERROR"), about="The least severe message that is logged."
)

env.section("Models")
SFT_MODEL_PATH = env.text(
    "SFT_MODEL_PATH",
    "",
    about="The language model to sample from at first: a safetensors directory or a Hugging Face id. It becomes "
    "current when a worker has sampled from it once.",
)
RM_BASE_MODEL_PATH = env.text(
    "RM_BASE_MODEL_PATH",
    "",
    about="What new reward models start from. Unset: the current SFT model, as InstructGPT §3.5 does.",
)

env.section("Sampling")
K_MIN = env.integer("K_MIN", 4, minimum=4, maximum=9, about="Fewest completions that a labeler ranks at once.")
K_MAX = env.integer("K_MAX", 9, minimum=4, maximum=9, about="Most completions that a labeler ranks at once.")
SAMPLING_TEMPERATURE = env.number(
    "SAMPLING_TEMPERATURE", 1.0, minimum=0.0, maximum=2.0, about="Temperature of new campaigns; 0 is greedy."
)
SAMPLING_TOP_P = env.number(
    "SAMPLING_TOP_P", 1.0, minimum=0.01, maximum=1.0, about="Nucleus of new campaigns; 1 keeps every token."
)
SAMPLING_MAX_NEW_TOKENS = env.integer(
    "SAMPLING_MAX_NEW_TOKENS", 256, minimum=1, maximum=32768, about="Longest completion of new campaigns, in tokens."
)
SAMPLING_PROMPTS_PER_BATCH = env.integer(
    "SAMPLING_PROMPTS_PER_BATCH", 1, minimum=1, maximum=1024, about="Prompts that one sampling task generates for."
)
SAMPLING_RESAMPLE_LIMIT = env.integer(
    "SAMPLING_RESAMPLE_LIMIT",
    3,
    minimum=0,
    maximum=100,
    about="Rounds of replacing duplicates among the K completions.",
)
SUGGESTION_WAIT_SECONDS = env.integer(
    "SUGGESTION_WAIT_SECONDS",
    120,
    minimum=5,
    maximum=3600,
    about="How long a labeler's page waits for the model before it says that nothing comes.",
)
READY_QUEUE_DEPTH = env.integer(
    "READY_QUEUE_DEPTH", 20, minimum=0, maximum=100_000, about="Ranking tasks that new campaigns keep ready ahead."
)

env.section("Labeling")
LEASE_MINUTES = env.integer(
    "LEASE_MINUTES", 60, minimum=1, maximum=10_080, about="How long a labeler of a new campaign holds a task."
)

env.section("Imports")
IMPORT_MAX_MB = env.integer(
    "IMPORT_MAX_MB", 512, minimum=1, maximum=102_400, about="Largest file that the admin's import takes, in MiB."
)

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

env.section("API")
API_REQUESTS_PER_MINUTE = env.integer(
    "API_REQUESTS_PER_MINUTE", 600, minimum=1, maximum=1_000_000, about="Most API requests of one account."
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


def _refuse_contradictions() -> None:
    if HSTS_PRELOAD and not HSTS_SUBDOMAINS:
        raise SettingError("HSTS_PRELOAD needs HSTS_SUBDOMAINS=true: browsers take only whole domains into their list.")
    if K_MIN > K_MAX:
        raise SettingError(f"K_MIN must not exceed K_MAX, but they are {K_MIN} and {K_MAX}.")
    if HAS_LAPTOP and not PRODUCTION:
        return
    for name in ("SECRET_KEY", "ALLOWED_HOSTS", "REDIS_URL"):
        if not os.environ.get(name, "").strip():
            raise SettingError(f"{name} must be set where DATABASE_URL is set (or set DEBUG=true on your own machine).")


_refuse_contradictions()
if not SECRET_KEY:
    from laptop.defaults import secret_key_in

    SECRET_KEY = secret_key_in(VAR_DIR / "secret_key")

EMBEDDED_SERVICES = None
if _database_url is None or _redis_url is None:
    from laptop.embedded import Services

    EMBEDDED_SERVICES = Services(VAR_DIR / "services")
    _database_url = _database_url or EMBEDDED_SERVICES.database_url
    _redis_url = _redis_url or EMBEDDED_SERVICES.redis_url
DATABASE_URL: str = _database_url
REDIS_URL: str = _redis_url

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin, whose templates it replaces
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *(["laptop"] if HAS_LAPTOP else []),  # for `manage.py up`
    "config",
    "labeling",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",  # first: a probe has no host name, session or HTTPS
    "django.middleware.security.SecurityMiddleware",
    "config.content_security.ContentSecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # pages; what WhiteNoise serves is compressed already
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "config.addresses.AddressMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.request_size.RequestSizeMiddleware",
    "labeling.base.trail.actors.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "labeling.base.disk_full.DiskFullMiddleware",
    "axes.middleware.AxesMiddleware",  # last, as its authors ask: turns a refused log-in into its page
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"cached_include": "labeling.base.fast_paths.cached_include"},
        },
    },
]

database = django_database(DATABASE_URL)
DATABASES = {
    "default": {
        **database,
        "OPTIONS": {"application_name": process_name(sys.argv), **database["OPTIONS"]},
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,  # a restarted PostgreSQL costs a reconnect, not an error page
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CSRF_FAILURE_VIEW = "labeling.base.views.csrf_failure"
AUTHENTICATION_BACKENDS = ["config.login_attempts.LoginThrottle", "labeling.base.fast_paths.accounts.AccountBackend"]
AXES_HANDLER = "config.login_attempts.TwoLimits"
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]  # in the order in which TwoLimits takes them
AXES_FAILURE_LIMIT = LOGIN_TRIES
AXES_COOLOFF_TIME = LOGIN_WAIT
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "config.login_attempts.client_address"
AXES_LOCKOUT_CALLABLE = "config.login_attempts.please_wait"
AXES_ENABLE_ACCESS_FAILURE_LOG = True  # the admin shows it (labeling/people/admin)
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Who tried, and from where, is what the log is for; passwords are never in it.
AXES_SENSITIVE_PARAMETERS: list[str] = []
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = STATIC_DIR
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "config.static_files.HashedStaticFiles"
    },
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = FORCE_HTTPS
SESSION_COOKIE_AGE = int(SESSION_AGE.total_seconds())
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if FORCE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS, SECURE_HSTS_PRELOAD = HSTS_SUBDOMAINS, HSTS_PRELOAD
# Whether to speak for other hosts of the domain is for whoever owns it to say: `check --deploy` must not demand it.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"
# More than any draft may hold (labeling/drafts.py) in four bytes a character, escaped for a form: what is too long is
# to be refused by the form that states the limit and keeps the text, not by a bare page before it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

# For limits that hold across processes: how often an account may ask the API.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "concord",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Concord",
    "DESCRIPTION": "Prompts in; progress, snapshots, models and rewards out. docs/api.md shows it by example.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",  # files of this server: pages load nothing from elsewhere
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "PREPROCESSING_HOOKS": ["labeling.api.views.schema.only_for_programs"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "labeling.api.views.schema.with_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "UseCaseEnum": "labeling.base.states.UseCase",
        "CampaignStateEnum": "labeling.base.states.CampaignState",
        "ModelStateEnum": "labeling.base.states.ModelState",
        "RunStateEnum": "labeling.base.states.RunState",
        "ScoringStateEnum": "labeling.base.states.ScoringState",
        "DeliveryStateEnum": "labeling.base.states.DeliveryState",
        "ModelKindEnum": "labeling.base.states.ModelKind",
        "WebhookEventEnum": "labeling.base.states.WebhookEvent",
        "PromptSourceEnum": "labeling.base.states.PromptSource",
    },
}

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "labeling.api.views.schema.Described",
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["labeling.base.json_parser.BoundedJSONParser"],
}

CELERY_BROKER_URL = celery_broker(REDIS_URL)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "torchao": {"level": "ERROR"},  # where it is installed, it warns of each kernel for other machines
        "axes": {"level": "WARNING"},  # wrong passwords; not every log-in
    },
}
