"""Answers for probes: /healthz (this process lives) and /readyz (it can serve).

A middleware in front of all others, because a probe calls by address: host checks, HTTPS redirects and sessions would
turn it away.
"""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.disk import database_has_room, disks_almost_full

PROBE_SECONDS = 1.0


class HealthMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return JsonResponse({"process": "ok"})
        if request.path == "/readyz":
            return _readiness()
        return self.get_response(request)


def _readiness() -> HttpResponse:
    # Redis down is said but is no reason to take the web away: people go on labeling, and the outboxes catch up later.
    database = _database_state()
    disk = "almost full" if disks_almost_full() else "ok"
    state = {"database": database, "redis": redis_state(), "disk": disk}
    return JsonResponse(state, status=200 if database == "ok" else 503)


def _database_state() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations pending"
        return "ok" if database_has_room() else "disk full"
    except (DatabaseError, InterfaceError):  # the connection broke off in the middle
        return "down"


def redis_state() -> str:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=PROBE_SECONDS, socket_timeout=PROBE_SECONDS
    )
    try:
        client.ping()
    except redis.RedisError:
        return "down"
    finally:
        client.close()
    return "ok"
