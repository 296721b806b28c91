"""Exports that somebody asks for: by a button, made by a worker, listed among the snapshots; commands' are, too."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from labeling.base.export_lock import settled_now
from labeling.base.refusals import SnapshotRefused
from labeling.exports.services.requests import (
    ONE_AT_A_TIME,
    answer_snapshot_request,
    options_of,
    request_snapshot,
)
from labeling.exports.services.snapshots import make_snapshot, write_snapshot
from labeling.models import Labeler, Snapshot, SnapshotRequest
from lm.snapshot.manifest import utc_text
from tests.labeling.admin_cast import admin_browser
from tests.labeling.exports.test_commands import rank_one_in_each_split, run
from tests.labeling.handed_in import a_task, lines, rank

pytestmark = pytest.mark.django_db
LIST = "/admin/labeling/snapshot/"


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> list[int]:
    """Requests that a worker was asked for."""
    settings.SNAPSHOTS_DIR = tmp_path / "snapshots"
    asked: list[int] = []

    def keep(_name: str, request_id: int, **_: object) -> bool:
        asked.append(request_id)
        return True

    monkeypatch.setattr("labeling.base.outbox._send", keep)
    return asked


@pytest.fixture
def olga() -> User:
    return User.objects.create_user("olga-who-exports")


def test_a_button_asks_a_worker_makes_it_and_the_list_has_it(sent: list[int]) -> None:
    rank_one_in_each_split()
    admin = admin_browser()
    form = {"rankings": "on", "pairs": "on", "split": "train", "since": "2026-01-01", "margins": "on", "parquet": "on"}
    page = admin.post(f"{LIST}export/", form, follow=True)
    assert "The export is on its way" in page.text
    assert "Exports on their way" in page.text
    (asked,) = SnapshotRequest.objects.all()
    assert sent == [asked.pk]

    answer_snapshot_request(request_id=asked.pk)

    snapshot = Snapshot.objects.get()
    page = admin.get(LIST)
    assert "Exports on their way" not in page.text
    assert asked.asked_by.username in page.text
    assert snapshot.filters | {"kinds": None} == {
        "kinds": None, "campaign": None, "split": "train", "include_simulated": False, "held_out": False,
        "since": "2026-01-01T00:00:00.000000Z", "margins": True, "include_left_out": False, "labels": "all",
        "reward_model": None, "campaigns": None, "evaluate_only": [], "never_train": [],
    }  # fmt: skip
    assert (Path(snapshot.path) / "parquet/pairs/train.parquet").exists()
    assert lines(Path(snapshot.path), "pairs/train.jsonl")[0]["margin"] == 0
    answer_snapshot_request(request_id=asked.pk)  # a second message does nothing
    assert Snapshot.objects.count() == 1


def test_what_cannot_be_exported_is_said_in_the_form_or_in_the_list(olga: User, sent: list[int]) -> None:
    admin = admin_browser()
    for form, says in (
        ({}, "A snapshot holds one or more of"),
        ({"rankings": "on", "margins": "on"}, "Margins belong to pairs"),
        ({"rankings": "on", "since": "yesterday"}, "is no time"),
        ({"rankings": "on", "as_of": "2999-01-01"}, "is still to come"),
        ({"rankings": "on", "since": "2026-01-02", "as_of": "2026-01-01"}, "give an earlier time"),
    ):
        assert says in admin.post(f"{LIST}export/", form).text
    assert sent == []
    admin.post(f"{LIST}export/", {"rankings": "on"})
    answer_snapshot_request(request_id=SnapshotRequest.objects.get().pk)
    failed = admin.get(LIST).text
    assert "No record matches" in failed
    assert "include_simulated" not in failed  # what was not asked for narrows nothing


def test_the_form_takes_imported_comparisons_and_what_is_left_out_where_that_is_ticked() -> None:
    form = {"rankings": "on", "include_imported": "on", "include_left_out": "on"}
    admin_browser().post(f"{LIST}export/", form)
    options = options_of(SnapshotRequest.objects.get())
    assert (options["include_imported"], options["include_left_out"]) == (True, True)


def test_who_may_not_change_snapshots_may_not_export() -> None:
    assert (
        admin_browser("labeling.view_snapshot", name="vera").post(f"{LIST}export/", {"rankings": "on"}).status_code
        == 403
    )


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_makes_it(olga: User, alice: Labeler) -> None:
    """The other one's message came twice; the first holds the lock in its own connection."""
    a_task()
    rank(alice, [1, 2, 3, 4])
    asked = request_snapshot(user=olga, kinds=["rankings"])

    def elsewhere() -> None:
        answer_snapshot_request(request_id=asked.pk)
        connection.close()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [ONE_AT_A_TIME, asked.pk])
        with ThreadPoolExecutor() as other:
            other.submit(elsewhere).result()
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [ONE_AT_A_TIME, asked.pk])
    assert not Snapshot.objects.exists()
    answer_snapshot_request(request_id=asked.pk)
    assert Snapshot.objects.exists()


def test_what_a_dead_worker_wrote_whole_is_taken(olga: User, alice: Labeler, settings: Settings) -> None:
    a_task()
    rank(alice, [1, 2, 3, 4])
    asked = request_snapshot(user=olga, kinds=["rankings"])
    directory = Path(settings.SNAPSHOTS_DIR) / f"export-{asked.pk}-{asked.asked_at:%Y%m%dT%H%M%SZ}"
    written = write_snapshot(directory, **options_of(asked))
    answer_snapshot_request(request_id=asked.pk)
    assert Snapshot.objects.get().sha256 == written.sha256


def test_a_request_is_of_the_time_at_which_it_was_made(olga: User, alice: Labeler) -> None:
    a_task()
    rank(alice, [1, 2, 3, 4])
    asked = request_snapshot(user=olga, kinds=["rankings"])
    a_task()
    rank(alice, [4, 3, 2, 1])
    answer_snapshot_request(request_id=asked.pk)
    assert Snapshot.objects.get().counts["train"]["rankings"] == 1


def test_since_gives_what_came_after_the_export_before(tmp_path: Path, alice: Labeler) -> None:
    a_task()
    first = rank(alice, [1, 2, 3, 4])
    before = settled_now()
    a_task()
    second = rank(alice, [4, 3, 2, 1])
    run("export_comparisons", "--output", tmp_path / "old", "--as-of", utc_text(before))
    run("export_comparisons", "--output", tmp_path / "new", "--since", utc_text(before))
    for name, ranking in (("old", first), ("new", second)):
        assert [one["ranking_id"] for one in lines(tmp_path / name, "rankings/train.jsonl")] == [ranking.pk]


def test_what_a_command_writes_is_listed_with_who_made_it(tmp_path: Path) -> None:
    rank_one_in_each_split()
    said = run("export_comparisons", "--output", tmp_path / "out", "--format", "pairs", "--margins")
    snapshot = Snapshot.objects.get()
    assert said.endswith(f"The admin lists it as snapshot {snapshot.pk}.\n")
    assert snapshot.path == str(tmp_path / "out")
    assert snapshot.made_by.startswith("export_comparisons on ")
    assert snapshot.made_by in admin_browser().get(LIST).text


def test_options_that_cannot_be_are_refused_before_a_worker_is_asked(olga: User, tmp_path: Path) -> None:
    with pytest.raises(SnapshotRefused, match="There is no campaign"):
        request_snapshot(user=olga, campaign="nowhere")
    with pytest.raises(SnapshotRefused, match="names no time zone"):
        make_snapshot(tmp_path / "x", made_by="olga", since=settled_now().replace(tzinfo=None))
    assert not SnapshotRequest.objects.exists()
