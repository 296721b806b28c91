"""What Django is told."""

import sys

import django_stubs_ext

from config.connections import django_database
from config.process_name import process_name
from config.settings.environment import BASE_DIR, HAS_LAPTOP
from config.settings.places import STATIC_DIR
from config.settings.required import DATABASE_URL
from config.settings.web import (
    BEHIND_PROXY,
    DEBUG,
    FORCE_HTTPS,
    HSTS_PRELOAD,
    HSTS_SUBDOMAINS,
    LOG_LEVEL,
    SESSION_AGE,
)

django_stubs_ext.monkeypatch()  # lets admin classes and forms name their model: ModelAdmin[Prompt]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before django.contrib.admin, whose templates it replaces
    "unfold.contrib.filters",
    "config.admin_site.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
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
    "django_otp.middleware.OTPMiddleware",
    "labeling.people.second_factor.views.required.SecondFactorMiddleware",
    "labeling.people.sessions.views.SessionUseMiddleware",
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
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
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

# Prometheus asks a machine by its address, where HTTPS ends at the proxy.
SECURE_REDIRECT_EXEMPT = [r"^metrics$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = FORCE_HTTPS
SESSION_COOKIE_AGE = int(SESSION_AGE.total_seconds())
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if FORCE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS, SECURE_HSTS_PRELOAD = HSTS_SUBDOMAINS, HSTS_PRELOAD
# Whether to speak for other hosts of the domain is for whoever owns it to say: `check --deploy` must not demand it.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"
# More than any draft may hold (labeling/desk/rules/drafts.py) in four bytes a character, escaped for a form: what is
# too long is to be refused by the form that states the limit and keeps the text, not by a bare page before it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "torchao": {"level": "ERROR"},  # where it is installed, it warns of each kernel for other machines
        "axes": {"level": "WARNING"},  # wrong passwords; not every log-in
        "httpx2": {"level": "WARNING"},  # not every request to a server of language models
    },
}
