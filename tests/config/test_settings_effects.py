"""Every setting does something: its variable changes what Django, a library or Concord's own code goes by.

A setting of Django's or a library's own acts by its name alone. One of Concord's own acts where code outside
config/settings/ reads `settings.NAME`; which names that code reads is taken from the tree, not from memory.
"""

import ast
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import global_settings, settings
from django.contrib.auth.models import User
from django.test import Client

import config
from tests.imports import modules_of

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("laptop", "config", "labeling")
# What libraries read by these names; the Celery app is made of the second.
LIBRARIES = {"REST_FRAMEWORK", "UNFOLD"}


@dataclass(frozen=True)
class Effect:
    """What config.settings comes to when the variable has this value, in what surroundings."""

    value: str
    becomes: dict[str, Any]
    beside: dict[str, str] = field(default_factory=dict)


def own(name: str, value: str, becomes: Any, **beside: str) -> dict[str, Effect]:
    """A setting that Concord's code reads by its own name."""
    return {name: Effect(value, {name: becomes}, beside)}


PRODUCTION = {
    "DATABASE_URL": "postgresql://concord@db.example.org/concord",
    "REDIS_URL": "redis://redis.example.org:6379/0",
    "SECRET_KEY": "a key",
    "ALLOWED_HOSTS": "label.example.org",
}
DATABASE = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "labels",
    "USER": "concord",
    "PASSWORD": "",
    "HOST": "db",
    "PORT": "",
    "OPTIONS": {"application_name": "settings.py"},  # what computed() runs it as
    "CONN_MAX_AGE": 300,
    "CONN_HEALTH_CHECKS": True,
}
LOG = {"handlers": ["stderr"]}

EFFECTS: dict[str, Effect] = {
    **own("VAR_DIR", "/data", Path("/data"), SECRET_KEY="a key"),
    "DATABASE_URL": Effect("postgresql://concord@db/labels", {"DATABASES": {"default": DATABASE}}, PRODUCTION),
    "REDIS_URL": Effect("redis://other/3", {"CELERY_BROKER_URL": "redis://other/3", "REDIS_URL": "redis://other/3"}),
    **own("MODELS_DIR", "/models", Path("/models")),
    **own("SNAPSHOTS_DIR", "/snapshots", Path("/snapshots")),
    **own("CHECKPOINTS_DIR", "/checkpoints", Path("/checkpoints")),
    "STATIC_DIR": Effect("/collected", {"STATIC_ROOT": Path("/collected")}),
    **own("DISK_ALERT_GIB", "7.5", 7.5),
    "DEBUG": Effect("true", {"DEBUG": True}),
    "SECRET_KEY": Effect("another", {"SECRET_KEY": "another"}),
    "ALLOWED_HOSTS": Effect("a.example", {"ALLOWED_HOSTS": ["a.example"]}),
    "CSRF_TRUSTED_ORIGINS": Effect("https://a.example", {"CSRF_TRUSTED_ORIGINS": ["https://a.example"]}),
    **own("PORT", "8001", 8001),
    "FORCE_HTTPS": Effect(
        "true",
        {
            "SECURE_SSL_REDIRECT": True,
            "SESSION_COOKIE_SECURE": True,
            "CSRF_COOKIE_SECURE": True,
            "SECURE_HSTS_SECONDS": 60 * 60 * 24 * 365,
        },
    ),
    "HSTS_SUBDOMAINS": Effect("true", {"SECURE_HSTS_INCLUDE_SUBDOMAINS": True}),
    "HSTS_PRELOAD": Effect("true", {"SECURE_HSTS_PRELOAD": True}, {"HSTS_SUBDOMAINS": "true"}),
    "BEHIND_PROXY": Effect(
        "true", {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"), "BEHIND_PROXY": True}
    ),
    **own("LOGIN_TRIES", "7", 7),
    **own("LOGIN_TRIES_PER_ADDRESS", "77", 77),
    **own("LOGIN_WAIT", "77s", timedelta(seconds=77)),
    **own("REQUIRE_TWO_FACTOR", "true", becomes=True),
    "SESSION_AGE": Effect("12h", {"SESSION_COOKIE_AGE": 12 * 60 * 60}),
    **own("ALERT_EMAILS", "a@example.org, b@example.org", ["a@example.org", "b@example.org"], EMAIL_HOST="mail"),
    "EMAIL_HOST": Effect("mail.example.org", {"EMAIL_HOST": "mail.example.org"}),
    "EMAIL_PORT": Effect("2525", {"EMAIL_PORT": 2525}),
    "EMAIL_SECURITY": Effect("tls", {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}),
    "EMAIL_HOST_USER": Effect("concord", {"EMAIL_HOST_USER": "concord"}),
    "EMAIL_HOST_PASSWORD": Effect("secret", {"EMAIL_HOST_PASSWORD": "secret"}),
    "EMAIL_FROM": Effect("alerts@example.org", {"DEFAULT_FROM_EMAIL": "alerts@example.org"}),
    **own("METRICS_TOKEN", "a token", "a token"),
    # The root of Django's loggers; workers and the clock take them over (test_celery.py), gunicorn the level alone.
    **own("LOG_LEVEL", "ERROR", "ERROR"),
    **own("SFT_MODEL_PATH", "org/model", "org/model"),
    **own("RM_BASE_MODEL_PATH", "org/base", "org/base"),
    **own("K_MIN", "5", 5, K_MAX="9"),
    **own("K_MAX", "7", 7),
    **own("SAMPLING_TEMPERATURE", "0.3", 0.3),
    **own("SAMPLING_TOP_P", "0.5", 0.5),
    **own("SAMPLING_MAX_NEW_TOKENS", "31", 31),
    **own("SAMPLING_PROMPTS_PER_BATCH", "7", 7),
    **own("SAMPLING_MODELS_IN_MEMORY", "3", 3),
    **own("SAMPLING_RESAMPLE_LIMIT", "7", 7),
    **own("SAMPLING_SERVERS", "http://vllm:8000/v1/, https://b", ["http://vllm:8000/v1", "https://b"]),
    **own("SAMPLING_SERVER_API_KEY", "sk-1", "sk-1"),
    **own("SAMPLING_SERVER_SECONDS", "77", 77),
    **own("SAMPLING_SERVER_REQUESTS", "7", 7),
    **own("SUGGESTION_WAIT_SECONDS", "77", 77),
    **own("READY_MINUTES", "77", 77),
    **own("LEASE_MINUTES", "77", 77),
    **own("IMPORT_MAX_MB", "77", 77),
    **own("INCLUDE_IMPORTED_IN_RETRAINING", "true", becomes=True),
    **own("RM_LEARNING_RATE", "1e-4", 1e-4),
    **own("RM_BATCH_RANKINGS", "3", 3),
    **own("RM_EPOCHS", "7", 7),
    **own("RM_MAX_LENGTH", "77", 77),
    **own("RM_FREEZE_EMBEDDINGS", "true", becomes=True, DATABASE_URL=PRODUCTION["DATABASE_URL"], DEBUG="true"),
    **own("RM_CHECKPOINT_EVERY", "7", 7),
    **own("TRAINING_SILENT_MINUTES", "7", 7),
    **own("RM_TRAIN_LAUNCHER", "srun python -m rm_trainer", ["srun", "python", "-m", "rm_trainer"]),
    **own("POLICY_PRESET", "6b", "6b"),
    **own("SFT_BASE_MODEL_PATH", "org/base", "org/base"),
    **own("POLICY_TRAIN_LAUNCHER", "srun python -m policy_trainer", ["srun", "python", "-m", "policy_trainer"]),
    **own("SCORE_BATCH_SIZE", "7", 7),
    **own("SCORE_COMPLETIONS_PER_MINUTE", "77", 77),
    **own("SCORE_REQUESTS_PER_MINUTE", "77", 77),
    **own("API_REQUESTS_PER_MINUTE", "77", 77),
    **own("SERVING_URL", "http://serving:8001", "http://serving:8001"),
    **own("SERVING_SECRET", "a secret", "a secret"),
    **own("SERVING_REQUESTS_PER_MINUTE", "77", 77),
    **own("SERVING_TOKENS_PER_DAY", "77", 77),
    **own("RETRAIN_AFTER_RANKINGS", "77", 77),
    **own("RETRAIN_AFTER_DAYS", "77", 77),
    **own("RETRAIN_CHECK_SECONDS", "77", 77),
    **own("PROMOTE_TOLERANCE", "0.3", 0.3),
    **own("PROMOTE_MIN_ACCURACY_GAIN", "0.3", 0.3),
    **own("PROMOTE_CONFIDENCE", "0.7", 0.7),
    **own("PROMOTE_MIN_TEST_RANKINGS", "77", 77),
    **own("PROMOTE_MIN_NEW_RANKINGS", "77", 77),
    **own("INCLUDE_SIMULATED_IN_RETRAINING", "true", becomes=True),
}


def computed(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """All that config.settings defines in a process with this environment."""
    for name in settings.ENVIRONMENT.settings:
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"VAR_DIR": str(tmp_path)} | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["settings.py"])
    monkeypatch.setattr(config, "settings", config.settings)
    for name in [name for name in sys.modules if name.startswith("config.settings")]:
        monkeypatch.delitem(sys.modules, name)
    return vars(importlib.import_module("config.settings"))


def names_read(package: str) -> Iterator[str]:
    """NAME of every `settings.NAME` in the modules of a package."""
    for module, path in modules_of(ROOT, (package,)).items():
        if not module.startswith("config.settings"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "settings" and node.attr.isupper():
                    yield node.attr


@pytest.fixture(scope="module")
def acting() -> set[str]:
    """The names that somebody goes by."""
    read = {name for package in PROGRAMS for name in names_read(package)}
    return read | LIBRARIES | {name for name in dir(global_settings) if name.isupper()}


def test_every_setting_is_in_the_table_and_nothing_else_is() -> None:
    assert EFFECTS.keys() == settings.ENVIRONMENT.settings.keys()


@pytest.mark.parametrize("name", EFFECTS)
def test_a_setting_changes_what_somebody_goes_by(
    name: str, acting: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = EFFECTS[name]
    without = computed(effect.beside, tmp_path, monkeypatch)
    with_it = computed(effect.beside | {name: effect.value}, tmp_path, monkeypatch)
    assert {key: with_it[key] for key in effect.becomes} == effect.becomes
    for key in effect.becomes:
        assert without[key] != with_it[key], key
        assert key in acting, f"nobody reads {key}"


def test_a_setting_that_nobody_reads_would_be_found(acting: set[str]) -> None:
    assert {"SESSION_AGE", "FORCE_HTTPS", "STATIC_DIR"}.isdisjoint(acting)
    assert {"SESSION_COOKIE_AGE", "K_MIN", "REDIS_URL"} <= acting


def test_the_log_level_is_that_of_every_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logging = computed({"LOG_LEVEL": "ERROR"}, tmp_path, monkeypatch)["LOGGING"]
    assert logging["root"]["level"] == "ERROR"
    assert {name: logger["level"] for name, logger in logging["loggers"].items()} == {
        "torchao": "ERROR",
        "axes": "WARNING",
        "httpx2": "WARNING",
    }


@pytest.mark.django_db
def test_a_login_lasts_as_long_as_the_setting_says() -> None:
    User.objects.create_user(username="alice", password="a long pass phrase")
    browser = Client()
    browser.post("/login/", {"username": "alice", "password": "a long pass phrase"})
    assert timedelta(days=14) == settings.SESSION_AGE
    assert browser.cookies["sessionid"]["max-age"] == settings.SESSION_AGE.total_seconds()
    assert browser.session.get_expiry_age() == settings.SESSION_AGE.total_seconds()


def test_a_new_campaign_begins_with_the_settings(settings: Any) -> None:
    from labeling.campaigns.services.campaigns import campaign_defaults

    names = {
        "k_min": "K_MIN",
        "k_max": "K_MAX",
        "temperature": "SAMPLING_TEMPERATURE",
        "top_p": "SAMPLING_TOP_P",
        "max_new_tokens": "SAMPLING_MAX_NEW_TOKENS",
        "ready_minutes": "READY_MINUTES",
        "lease_minutes": "LEASE_MINUTES",
    }
    for number, name in enumerate(names.values(), start=100):
        setattr(settings, name, number)
    assert campaign_defaults() == {field: number for number, field in enumerate(names, start=100)}
