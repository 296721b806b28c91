"""Many labelers at once: no task over its needed number, none lost, nobody handed the same work twice."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from labeling.base.refusals import WorkBusy
from labeling.base.states import AssignmentState, SkipReason, TaskState
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import ASSIGNMENTS, claim_ranking, skip
from labeling.desk.services.leases import release_expired_leases
from labeling.models import Assignment, Labeler, Ranking, RankingTask
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db(transaction=True)

JUDGEMENTS = [Judgement(shown_position=position, rank=position, quality=4) for position in range(1, 5)]


def in_threads(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Runs work(0) … work(count - 1) at the same time, each with a connection of its own; returns what they raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001  (reported to the test)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def hand_in(labeler: Labeler, assignment: Assignment) -> Ranking:
    return submit_ranking(labeler=labeler, token=str(assignment.token), judgements=JUDGEMENTS, active_seconds=1.0)


def assert_counters_match_rows() -> None:
    """The counters that claiming rests on say what the rows say."""
    for task in RankingTask.objects.all():
        states = Counter(Assignment.objects.filter(task=task).values_list("state", flat=True))
        assert task.rankings_open == states[AssignmentState.OPEN]
        assert task.rankings_done == states[AssignmentState.SUBMITTED] == Ranking.objects.filter(task=task).count()


@pytest.mark.slow
def test_32_labelers_empty_200_tasks_without_one_ranking_too_many_or_too_few() -> None:
    campaign = make_campaign(rankings_per_task=2)
    for _ in range(200):
        make_ready_task(make_prompt(campaign, submitter=f"s{_ % 9}"))
    labelers = [make_labeler(f"labeler-{number}") for number in range(32)]

    def label_until_nothing_is_left(number: int) -> None:
        labeler = labelers[number]
        for turn in range(1000):
            try:
                assignment = claim_ranking(labeler=labeler)
            except WorkBusy:
                continue
            if assignment is None:
                return
            if turn % 7 == 3:
                skip(labeler=labeler, token=str(assignment.token), reason=SkipReason.UNCLEAR)
            else:
                hand_in(labeler, assignment)

    errors = in_threads(32, label_until_nothing_is_left)
    for number in range(32):  # who found nothing may have gone before the last one was skipped
        label_until_nothing_is_left(number)

    assert errors == []
    assert_counters_match_rows()
    assert Ranking.objects.count() == 400  # 200 tasks × 2, none lost and none over
    assert set(RankingTask.objects.values_list("state", flat=True)) == {TaskState.DONE}
    pairs = Ranking.objects.values_list("task", "labeler")
    assert len(pairs) == len(set(pairs))  # nobody ranked a task twice


@contextmanager
def locked_by_another(rows: QuerySet[Any]) -> Iterator[None]:
    """Another connection has the rows locked, as a submission or the saving of a draft has them."""
    is_locked, may_go = threading.Event(), threading.Event()

    def lock() -> None:
        with transaction.atomic():
            list(rows.select_for_update(no_key=True))
            is_locked.set()
            may_go.wait(30)
        connection.close()

    other = threading.Thread(target=lock)
    other.start()
    is_locked.wait(30)
    yield
    may_go.set()
    other.join()


def test_nobody_is_told_that_nothing_is_left_because_it_is_locked(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    with locked_by_another(RankingTask.objects.all()), pytest.raises(WorkBusy):
        claim_ranking(labeler=alice)
    claimed = claim_ranking(labeler=alice)
    assert claimed is not None
    assert_counters_match_rows()

    # a lease that ran out untouched, to which another tab saves something now
    Assignment.objects.update(expires_at="2020-01-01T00:00:00Z")
    release_expired_leases()
    with locked_by_another(Assignment.objects.all()), pytest.raises(WorkBusy):
        claim_ranking(labeler=alice)
    assert claim_ranking(labeler=alice) == claimed
    assert_counters_match_rows()


def test_two_tabs_of_one_labeler_get_the_same_task(alice: Labeler) -> None:
    campaign = make_campaign()
    for _ in range(8):
        make_ready_task(make_prompt(campaign))
    tokens: list[str] = []

    def claim(_: int) -> None:
        assignment = claim_ranking(labeler=alice)
        assert assignment is not None
        tokens.append(str(assignment.token))

    assert in_threads(8, claim) == []
    assert len(set(tokens)) == 1
    assert_counters_match_rows()


def test_a_submission_sent_eight_times_at_once_is_one_ranking(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    assignment = claim_ranking(labeler=alice)
    assert assignment is not None
    results: list[int] = []

    assert in_threads(8, lambda _: results.append(hand_in(alice, assignment).pk)) == []
    assert len(results) == 8
    assert len(set(results)) == 1
    assert_counters_match_rows()


def test_drafts_saved_from_eight_tabs_at_once_leave_one_winner_and_seven_told(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    assignment = claim_ranking(labeler=alice)
    assert assignment is not None

    def save(number: int) -> None:
        ASSIGNMENTS.save_draft(labeler=alice, token=str(assignment.token), draft={"tab": number}, base_version=0)

    errors = in_threads(8, save)
    assert [type(error).__name__ for error in errors] == ["DraftConflict"] * 7
    assignment.refresh_from_db()
    assert assignment.draft_version == 1


def test_leases_running_out_while_their_labelers_submit_lose_no_ranking() -> None:
    campaign = make_campaign()
    for _ in range(16):
        make_ready_task(make_prompt(campaign))
    labelers = [make_labeler(f"labeler-{number}") for number in range(16)]
    held = [claim_ranking(labeler=labeler) for labeler in labelers]
    Assignment.objects.update(expires_at="2020-01-01T00:00:00Z")

    def submit_or_release(number: int) -> None:
        if number >= 16:
            release_expired_leases()
            return
        assignment = held[number]
        assert assignment is not None
        hand_in(labelers[number], assignment)

    assert in_threads(20, submit_or_release) == []
    assert Ranking.objects.count() == 16
    assert_counters_match_rows()
