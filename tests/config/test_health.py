import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_process_says_that_it_lives_without_any_database() -> None:
    assert Client().get("/healthz").json() == {"process": "ok"}


@pytest.mark.django_db
def test_a_migrated_database_and_redis_are_ready() -> None:
    response = Client(headers={"host": "10.0.0.7"}).get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "redis": "ok"}


@pytest.mark.django_db
def test_redis_down_is_said_and_the_web_stays_ready_because_labeling_goes_on(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "redis": "down"}


def test_a_database_that_does_not_answer_is_not_ready(process_environment: dict[str, str]) -> None:
    assert readiness(process_environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}) == (
        503,
        {"database": "down", "redis": "ok"},
    )


def test_tables_that_are_missing_are_not_ready(process_environment: dict[str, str]) -> None:
    url = process_environment["DATABASE_URL"]
    server, _, query = url.partition("?")
    empty = f"{server.rpartition('/')[0]}/template1?{query}"
    assert readiness(process_environment | {"DATABASE_URL": empty}) == (
        503,
        {"database": "migrations pending", "redis": "ok"},
    )


def readiness(environment: dict[str, str]) -> tuple[int, dict[str, str]]:
    program = (
        "from config import wsgi\n"
        "from django.test import Client\n"
        "response = Client().get('/readyz')\n"
        "print(response.status_code, response.content.decode())"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    status, _, body = finished.stdout.partition(" ")
    return int(status), json.loads(body)
