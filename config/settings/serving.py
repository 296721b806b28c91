"""Where the current policy is asked for answers, and how much programs may ask of it."""

from config.settings.environment import env

env.section("Serving")
SERVING_URL = env.url(
    "SERVING_URL",
    schemes=("http", "https"),
    example="http://serving:8001",
    about="Where `python -m sampler serve` answers. Unset: the policy answers nobody; `manage.py up` starts one and "
    "sets it.",
)
SERVING_SECRET = env.text(
    "SERVING_SECRET", "", about="What web and workers show that server and it asks for: 32 random characters."
)
SERVING_REQUESTS_PER_MINUTE = env.integer(
    "SERVING_REQUESTS_PER_MINUTE", 120, minimum=1, maximum=1_000_000, about="Most chat completions of one account."
)
SERVING_TOKENS_PER_DAY = env.integer(
    "SERVING_TOKENS_PER_DAY",
    1_000_000,
    minimum=0,
    maximum=1_000_000_000_000,
    about="Most tokens, read and written, of one API token in a day (UTC), where the token has no quota of its own; "
    "0: as many as it likes.",
)
