import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from config import disk
from labeling.alerts.queries.notices import notices
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task, ranking_form_data

ROOT = Path(__file__).resolve().parents[2]


def test_the_process_says_that_it_lives_without_any_database() -> None:
    assert Client().get("/healthz").json() == {"process": "ok"}


@pytest.mark.django_db
def test_a_migrated_database_and_redis_are_ready() -> None:
    response = Client(headers={"host": "10.0.0.7"}).get("/readyz")
    assert response.status_code == 200
    assert without_disk(response) == {"database": "ok", "redis": "ok"}


@pytest.mark.django_db
def test_redis_down_is_said_and_the_web_stays_ready_because_labeling_goes_on(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert without_disk(response) == {"database": "ok", "redis": "down"}


class DiskIsFull(OperationalError):
    pgcode = "53100"


@pytest.fixture
def full_disk() -> Iterator[None]:
    """PostgreSQL reads as ever and refuses everything that takes room, as on a full disk."""

    def refuse(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        if re.search(r"INSERT INTO|CREATE TEMP|(?<!NO KEY )(?<!FOR )UPDATE|concord_|EXECUTE writing_", sql):
            raise DiskIsFull('could not extend file "base/5/16384": No space left on device')
        return execute(sql, params, many, context)

    disk._asked["at"] = float("-inf")
    with connection.execute_wrapper(refuse):
        yield
    disk._asked["at"] = float("-inf")


@pytest.mark.django_db
def test_a_disk_on_which_nothing_can_be_saved_is_not_ready(full_disk: None) -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, "disk full")


@pytest.mark.django_db
def test_little_room_is_said_before_it_is_full(settings: Settings) -> None:
    settings.DISK_ALERT_GIB = 10**6
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["disk"]) == (200, "almost full")
    assert "is almost full" in " ".join(notice.text for notice in notices())
    settings.DISK_ALERT_GIB = 0
    assert Client().get("/readyz").json()["disk"] == "ok"


@pytest.mark.django_db
def test_what_cannot_be_saved_is_answered_with_507_and_comes_back_with_what_was_written(
    request: pytest.FixtureRequest,
) -> None:
    client = browser_of(make_labeler("alice"))
    make_ready_task(make_prompt(make_campaign()))
    address = client.post("/next/ranking/")["Location"]
    client.get(address)
    request.getfixturevalue("full_disk")
    saved = client.put(f"{address}draft/", {"draft": {"1-note": ["mine"]}, "base_version": 0}, "application/json")
    assert saved.status_code == 507
    assert "no room" in saved.json()["detail"]
    handed_in = client.post(f"{address}submit/", {**ranking_form_data([1, 2, 3, 4]), "1-note": "A careful <note>."})
    assert handed_in.status_code == 507
    assert "A careful &lt;note&gt;." in handed_in.text


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


def without_disk(response: Any) -> dict[str, str]:
    """Of the machine on which the tests run nobody knows how full it is."""
    return {name: state for name, state in response.json().items() if name != "disk"}


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
    return int(status), {name: state for name, state in json.loads(body).items() if name != "disk"}
