"""DATABASE_URL and REDIS_URL in the shapes that Django and Celery want.

dj-database-url would save 8 of these lines. It takes a URL without a database, blames "some parts" for a wrong port,
leaves a socket's folder (`?host=`) among the options, and reads `true` and numbers there as Python's own.
"""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.env import SettingError


def django_database(url: str) -> dict[str, Any]:
    """postgresql://user:password@host:5432/name?sslmode=require as a Django DATABASES entry.

    Query parameters are libpq's own; `host` there may be the directory of a unix socket.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise SettingError(
            "DATABASE_URL names no database: it must end in one, such as postgresql://user@host/concord."
        )
    try:
        port = parts.port
    except ValueError:
        raise SettingError("DATABASE_URL holds a port that is not a number from 0 to 65535.") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or options.pop("host", "")),
        "PORT": str(port or options.pop("port", "")),
        "OPTIONS": options,
    }


def celery_broker(url: str) -> str:
    """redis-py writes a unix socket as unix:///path?db=1; Celery's transport wants redis+socket:///path?virtual_host=1."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={database}"
