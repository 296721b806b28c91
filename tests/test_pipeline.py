"""The whole job through real Celery workers and a tiny real model: sample → rank → export → train → promote."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.core.management import call_command

from labeling.base.states import ModelKind, ModelState, RunState, TaskState
from labeling.models import Completion, ModelVersion, Ranking, RankingTask, Snapshot, TrainingRun
from labeling.ranking_tasks.services.tasks import make_task
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.models_in_use import promoted
from tests.processes import Processes, processes
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PROMPTS = 30


@pytest.fixture
def pipeline(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    """Workers for all queues and beat, with a tiny model as the current SFT model."""
    promoted(make_tiny_model(tmp_path / "tiny"))
    with processes(
        process_environment,
        tmp_path,
        VAR_DIR=tmp_path / "var",
        SNAPSHOTS_DIR=tmp_path / "snapshots",
        CHECKPOINTS_DIR=tmp_path / "checkpoints",
        SAMPLING_PROMPTS_PER_BATCH=4,
        RETRAIN_CHECK_SECONDS=1,
        RETRAIN_AFTER_RANKINGS=PROMPTS,
        INCLUDE_SIMULATED_IN_RETRAINING="true",
        PROMOTE_MIN_TEST_RANKINGS=1,
        PROMOTE_MIN_NEW_RANKINGS=1,
        PROMOTE_TOLERANCE=1,
        PROMOTE_MIN_ACCURACY_GAIN=-1,
        RM_BATCH_RANKINGS=8,
        RM_LEARNING_RATE=1e-3,
        RM_EPOCHS=1,
        RM_MAX_LENGTH=256,
    ) as started:
        started.worker("sampling", "sampling")
        started.worker("training", "training")
        started.worker("default", "default")
        started.start("beat", "-m", "celery", "-A", "config", "beat")
        yield started


def make_work() -> None:
    """Each prompt has its task already, of which beat would make three while nobody labels."""
    campaign = make_campaign(
        k_min=4, k_max=5, max_new_tokens=16, ready_minutes=2 * PROMPTS, ranking_tasks_per_prompt=1,
        demonstrations_per_prompt=0,
    )  # fmt: skip
    for number in range(PROMPTS):
        text, submitter = f"Say {number} nice things.", f"submitter-{number + 40}"  # three in test
        make_task(prompt=make_prompt(campaign, text=text, submitter=submitter), campaign=campaign)


def ready_tasks() -> int:
    return RankingTask.objects.filter(state=TaskState.READY).count()


def last_run() -> TrainingRun | None:
    return TrainingRun.objects.order_by("-pk").first()


def has_ended() -> bool:
    run = last_run()
    return run is not None and run.state in (RunState.DONE, RunState.FAILED)


def test_from_prompts_to_a_reward_model_without_a_hand_on_it(pipeline: Processes) -> None:
    """Though the sampling worker is killed in the middle, and the training worker stopped."""
    make_work()
    pipeline.wait_for("the first tasks are ready", ready_tasks, seconds=120)
    pipeline.kill("sampling")
    # As if the time after which a message counts as lost had passed.
    RankingTask.objects.filter(state=TaskState.SAMPLING).update(dispatched_at=None)
    pipeline.worker("sampling-again", "sampling")
    pipeline.wait_for("every prompt has a ready task", lambda: ready_tasks() == PROMPTS, seconds=120)
    assert not [task for task in RankingTask.objects.all() if task.k != task.completions.count()]
    assert Completion.objects.values("task", "text_key").distinct().count() == Completion.objects.count()

    call_command("simulate_labelers", rankings=PROMPTS, rule="shorter", noise=0.0)
    assert Ranking.objects.filter(simulated=True).count() == PROMPTS

    # Beat sees the threshold. As `up`, compose and systemd stop the worker: by SIGTERM; its own process follows the
    # training.
    pipeline.wait_for("a training process is up", trainers, seconds=120)
    worker = pipeline.running.pop("training")
    worker.terminate()
    worker.wait(timeout=60)
    run = TrainingRun.objects.get()
    assert (run.state, run.interruption) == (RunState.QUEUED, "Its worker was stopped.")
    assert not trainers()

    pipeline.worker("training-again", "training")
    pipeline.wait_for("the run ended", has_ended, seconds=180)
    run.refresh_from_db()
    assert run.state == RunState.DONE, run.failure
    assert run.trigger == "rankings"
    assert run.points.count() == run.steps_total
    assert run.snapshot == Snapshot.objects.get()
    assert run.evaluation["new"]["rankings"] >= 1
    version = ModelVersion.objects.get(kind=ModelKind.REWARD)
    assert run.model_version == version
    assert run.promotion["promote"] is True, run.decision
    assert (version.state, version.simulated) == (ModelState.CANDIDATE, True)  # nobody asked for more
    assert "learned from simulated labelers" in run.decision
    assert run.promotion["test"]["comparison"]["rankings"] == run.evaluation["new"]["rankings"]
    assert run.promotion["newest"]["comparison"]["rankings"] > run.evaluation["new"]["rankings"]
    assert version.snapshot == run.snapshot
    metrics = json.loads((Path(version.path) / "metrics.json").read_text())
    assert metrics["snapshot_sha256"] == run.snapshot.sha256


def trainers() -> list[psutil.Process]:
    """Training processes that descend from this test's."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if _is_trainer(child)]


def _is_trainer(process: psutil.Process) -> bool:
    try:
        return "rm_trainer" in process.cmdline()
    except psutil.Error:
        return False  # it ended meanwhile
