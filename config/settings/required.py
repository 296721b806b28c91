"""What production must be given, and a laptop makes for itself: a key, PostgreSQL, Redis."""

import os

from config.env import SettingError
from config.settings.environment import HAS_LAPTOP
from config.settings.places import VAR_DIR, given_database_url, given_redis_url
from config.settings.web import PRODUCTION, given_secret_key

if PRODUCTION or not HAS_LAPTOP:
    for name in ("SECRET_KEY", "ALLOWED_HOSTS", "REDIS_URL"):
        if not os.environ.get(name, "").strip():
            raise SettingError(f"{name} must be set where DATABASE_URL is set (or set DEBUG=true on your own machine).")

SECRET_KEY = given_secret_key
if not SECRET_KEY:
    from laptop.defaults import secret_key_in

    SECRET_KEY = secret_key_in(VAR_DIR / "secret_key")

EMBEDDED_SERVICES = None
if given_database_url is None or given_redis_url is None:
    from laptop.embedded import Services

    EMBEDDED_SERVICES = Services(VAR_DIR / "services")
    given_database_url = given_database_url or EMBEDDED_SERVICES.database_url
    given_redis_url = given_redis_url or EMBEDDED_SERVICES.redis_url
DATABASE_URL: str = given_database_url
REDIS_URL: str = given_redis_url
