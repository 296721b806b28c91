"""Whom the web answers, how people log in, and how often programs may ask."""

from config.env import SettingError
from config.settings.environment import IS_LAPTOP, env

env.section("Web")
DEBUG = env.boolean("DEBUG", default=False, about="Django's debug pages. Never on a machine that others can reach.")
PRODUCTION = not IS_LAPTOP and not DEBUG
given_secret_key = env.text(
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
REQUIRE_TWO_FACTOR = env.boolean(
    "REQUIRE_TWO_FACTOR",
    default=PRODUCTION,
    shown_default="true in production",
    about="Staff set up an authenticator app before they do anything else; all others may.",
)
SESSION_AGE = env.duration("SESSION_AGE", "14d", about="How long a login lasts: 30m, 12h, 14d.")
LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", options=("DEBUG", "INFO", "WARNING", "ERROR"), about="The least severe message that is logged."
)

env.section("API")
API_REQUESTS_PER_MINUTE = env.integer(
    "API_REQUESTS_PER_MINUTE", 600, minimum=1, maximum=1_000_000, about="Most API requests of one account."
)

if HSTS_PRELOAD and not HSTS_SUBDOMAINS:
    raise SettingError("HSTS_PRELOAD needs HSTS_SUBDOMAINS=true: browsers take only whole domains into their list.")
