"""Redis, as web processes and workers ask it beside Celery."""

import os
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def redis_client(*, connect_seconds: float, seconds: float, decode_responses: bool = False) -> redis.Redis:
    """One a process for each of these choices: connections are kept open, and none is another process's.

    `connect_seconds`, `seconds`: how long a connection, and an answer, may take.
    """
    return _client(
        os.getpid(),
        settings.REDIS_URL,
        socket_connect_timeout=connect_seconds,
        socket_timeout=seconds,
        decode_responses=decode_responses,
    )


@lru_cache(maxsize=8)
def _client(_process: int, url: str, **options: Any) -> redis.Redis:
    # A connection that was idle may have been closed.
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1), **options)
