"""When a retraining starts, how it is followed, and how it ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.base.refusals import RetrainingRefused
from labeling.base.states import IllegalMove, LabelerGroup, RunState
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Campaign, ModelVersion, Snapshot, TrainingRun
from labeling.training.services.requesting import QUEUED_RUNS, request_retraining
from labeling.training.services.runs import (
    MOST_ATTEMPTS,
    SILENT_AFTER,
    RunAbandoned,
    begin_evaluating,
    begin_training,
    claim_run,
    fail_run,
    finish_run,
    note_progress,
    put_back_run,
    put_back_silent_runs,
)
from labeling.training.services.schedule import Schedule, request_if_due
from tests.labeling.admin_cast import stepped
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db


def rank(campaign: Campaign, count: int, **labeler_fields: Any) -> None:
    labeler = make_labeler(f"labeler-{timezone.now().timestamp()}", **labeler_fields)
    for _ in range(count):
        make_ready_task(make_prompt(campaign))
        assignment = claim_ranking(labeler=labeler)
        assert assignment is not None
        judgements = [Judgement(shown_position=position, rank=position) for position in range(1, 5)]
        submit_ranking(labeler=labeler, token=str(assignment.token), judgements=judgements, active_seconds=1)


def due(*, after_rankings: int = 3, after_days: int = 7, include_simulated: bool = False, later: int = 0) -> bool:
    schedule = Schedule(after_rankings=after_rankings, after_days=after_days, include_simulated=include_simulated)
    return bool(request_if_due(schedule, now=timezone.now() + timedelta(days=later)))


def make_snapshot(**fields: Any) -> Snapshot:
    values = {"path": "/s", "as_of": timezone.now(), "filters": {}, "counts": {}, "sha256": "0" * 64, "bytes": 1}
    return Snapshot.objects.create(**(values | fields))


def in_training() -> TrainingRun:
    run = claim_run(run=request_retraining(trigger="manual"), worker="here")
    assert run is not None
    begin_training(run=run, snapshot=make_snapshot(), base="/b", output_path="/o", log_path="/l", config={})
    return run


def test_enough_new_rankings_of_a_campaign_start_a_retraining() -> None:
    campaign = make_campaign()
    rank(campaign, 2)
    assert not due()
    rank(campaign, 1)
    assert due()
    assert TrainingRun.objects.get().trigger_note == f"{campaign} has 3 new rankings (the threshold is 3)."


def test_old_rankings_start_one_when_the_days_have_passed() -> None:
    rank(make_campaign(), 1)
    assert not due(later=6)
    assert due(later=8)
    assert TrainingRun.objects.get().trigger == "days"


def test_a_campaign_may_have_a_threshold_of_its_own() -> None:
    rank(make_campaign(retrain_after_rankings=1), 1)
    assert due(after_rankings=1000)


def test_simulated_and_held_out_rankings_start_nothing_unless_asked_for() -> None:
    campaign = make_campaign()
    rank(make_campaign(simulated=True), 3, simulated=True)
    rank(campaign, 3, group=LabelerGroup.HELD_OUT)
    assert not due()
    assert due(include_simulated=True)


def test_what_a_finished_run_was_trained_on_is_not_new_any_more() -> None:
    rank(make_campaign(), 3)
    run = in_training()
    begin_evaluating(run=run, compared_with=None)
    version = ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="r", path="/r", snapshot=run.snapshot
    )
    finish_run(run=run, model_version=version, evaluation={}, decision="kept")
    assert not due()


def test_there_is_never_more_than_one_run() -> None:
    first = request_retraining(trigger="manual")
    with pytest.raises(RetrainingRefused, match=f"run {first.pk} is under way"):
        request_retraining(trigger="manual")
    rank(make_campaign(), 3)
    assert not due()


def test_beat_waits_an_hour_after_a_failure_but_a_person_need_not() -> None:
    rank(make_campaign(), 3)
    fail_run(run=request_retraining(trigger="manual"), reason="disk full")
    assert not due()
    request_retraining(trigger="manual")


def test_a_message_delivered_twice_is_one_training() -> None:
    run = request_retraining(trigger="manual")
    assert QUEUED_RUNS.take() == [run.pk]
    assert QUEUED_RUNS.take() == []
    assert claim_run(run=run, worker="first") is not None
    assert claim_run(run=run, worker="second") is None


def test_progress_reaches_the_database_while_it_runs() -> None:
    run = in_training()
    note_progress(run=run, event={"event": "start", "steps": 2})
    note_progress(run=run, event=stepped(1, loss=0.7))
    note_progress(run=run, event={"event": "valid", "step": 1, "loss": 0.6, "accuracy": 0.8})
    run.refresh_from_db()
    assert run.steps_total == 2
    point = run.points.get()
    assert (point.loss, point.accuracy, point.valid_loss, point.valid_accuracy) == (0.7, 0.5, 0.6, 0.8)


def test_a_run_that_was_failed_from_outside_stops_its_process_and_promotes_nothing() -> None:
    run = in_training()
    fail_run(run=run, reason="an admin stopped it")
    with pytest.raises(RunAbandoned):
        note_progress(run=run, event={"event": "alive"})
    with pytest.raises(IllegalMove):
        begin_evaluating(run=run, compared_with=None)


def begun_again(run: TrainingRun) -> TrainingRun:
    claimed = claim_run(run=run, worker="elsewhere")
    assert claimed is not None
    return claimed


def test_a_run_whose_worker_died_waits_for_the_next_one_at_once() -> None:
    run = in_training()
    assert put_back_silent_runs(TrainingRun) == []
    assert put_back_silent_runs(TrainingRun, now=timezone.now() + 2 * SILENT_AFTER) == [run.pk]
    waiting = TrainingRun.objects.get()
    assert (waiting.state, waiting.dispatched_at) == (RunState.QUEUED, None)
    assert "it was killed" in waiting.interruption
    assert QUEUED_RUNS.take() == [run.pk]
    again = begun_again(run)
    assert (again.snapshot, again.output_path) == (run.snapshot, "/o")
    with pytest.raises(RunAbandoned):  # the first worker was only slow: it stops
        note_progress(run=run, event={"event": "alive"})
    note_progress(run=again, event={"event": "alive"})


def test_a_run_that_is_stopped_in_order_is_no_failure_and_delays_nothing() -> None:
    rank(make_campaign(), 3)
    run = in_training()
    for _ in range(2 * MOST_ATTEMPTS):
        assert put_back_run(run=run, why="Its worker was stopped.", claim=run.claim, counts=False)
        assert not put_back_run(run=run, why="Said twice.", claim=run.claim, counts=False)
        run = begun_again(run)
    assert run.attempts == 1


def test_a_run_that_ends_every_worker_fails_after_a_few_and_one_that_gets_on_does_not() -> None:
    run = in_training()
    for step in range(1, 2 * MOST_ATTEMPTS):
        note_progress(run=run, event=stepped(step, loss=0.7))
        put_back_run(run=run, why="SIGKILL", claim=run.claim, counts=True)
        run = begun_again(run)
    for _ in range(MOST_ATTEMPTS - 1):
        put_back_run(run=run, why="SIGKILL", claim=run.claim, counts=True)
        run = begun_again(run)
    note_progress(run=run, event=stepped(1, loss=0.7))  # a step that was made before is no progress
    put_back_run(run=run, why="SIGKILL", claim=run.claim, counts=True)
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert run.failure == f"It was begun {MOST_ATTEMPTS} times without getting on. The last time: SIGKILL"


def test_a_failure_is_logged_where_the_console_hears_of_it(caplog: pytest.LogCaptureFixture) -> None:
    run = request_retraining(trigger="manual")
    fail_run(run=run, reason="No rankings to train on.")
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("ERROR", f"Training run {run.pk} failed: No rankings to train on.")
    ]
