"""What beat, training workers and people do in a turn, without a process."""

import shutil
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from django.utils import timezone

from labeling.base.states import ModelKind, ModelState
from labeling.evaluations.services.running import decide
from labeling.loop.services.advancing import advance
from labeling.model_versions.services.registration import register_model
from labeling.models import Labeler, Loop, ModelVersion, PolicyRun, Snapshot, TrainingRun, Turn
from labeling.policies.services.training import note
from labeling.training.models import AnyRun
from labeling.training.services.runs import begin_evaluating, begin_training, claim_run, fail_run, finish_run
from tests.labeling.cast import make_prompt, make_ready_task
from tests.labeling.evaluations.people_judge import Speaker, begins_with, ranked_by, sampled
from tests.labeling.handed_in import rank
from tests.labeling.models_in_use import tried
from tests.labeling.policies.scripted_trainer import samples, step


def beat(loop: Loop) -> Turn:
    """Looks once; returns the latest turn as it stands then."""
    advance(loop=loop)
    loop.refresh_from_db()
    return loop.turns.latest("number")


def ranked(loop: Loop, labeler: Labeler, count: int = 2) -> None:
    """New rankings of prompts of the split train."""
    for _ in range(count):
        make_ready_task(make_prompt(loop.source))
        rank(labeler, [1, 2, 3, 4])


def reward_model_trained(
    turn: Turn, *, run: TrainingRun | None = None, promoted: bool = True, not_worse: bool = True
) -> ModelVersion:
    """A training worker does the turn's run, or `run`. The rule promotes its version, or keeps it as a candidate."""
    run = _under_way(run or TrainingRun.objects.get(turn=turn))
    current = ModelVersion.objects.filter(kind="reward", reward_model=run.reward_model, state="current")
    if promoted:
        current.update(state=ModelState.RETIRED)
    version = ModelVersion.objects.create(
        kind="reward", reward_model=run.reward_model, name=f"reward-{run.pk}", path=f"/reward-{run.pk}",
        snapshot=run.snapshot, half=run.recipe.half, state=ModelState.CURRENT if promoted else ModelState.CANDIDATE,
    )  # fmt: skip
    finish_run(
        run=run,
        model_version=version,
        evaluation={"new": {"pair_accuracy": 0.715}},
        decision="Promoted: better." if promoted else "Kept as candidate: not shown to be better.",
        promotion={"promote": promoted, "test": {"holds": not_worse}},
    )
    return version


def policy_trained(
    turn: Turn, checkpoint: Path, *, reward: tuple[float, float] = (0.1, 0.8), kl: float = 3.0, tries: bool = True
) -> ModelVersion:
    """A training worker does the turn's run, and a sampling worker tries what came of it."""
    run = _under_way(PolicyRun.objects.get(turn=turn))
    for event in (
        {"event": "start", "steps": 2},
        samples(0, "It is the sky.", watched=reward[0]),
        step(1, kl=kl / 2),
        step(2, kl=kl),
        samples(2, "Because of the air.", watched=reward[1]),
    ):
        note(run=run, event=event)  # type: ignore[arg-type]
    path = Path(shutil.copytree(checkpoint, checkpoint.parent / f"{turn.loop_id}-{run.pk}", dirs_exist_ok=True))
    version = register_model(
        kind=ModelKind.SFT, name=f"ppo-{run.pk}", path=path, parent=run.start, rewarded_by=run.rewarded_by,
        snapshot_id=run.snapshot_id,
    )  # fmt: skip
    finish_run(run=run, model_version=version, decision="Kept as candidate.")
    return tried(version) if tries else version


def failed(run: TrainingRun | PolicyRun | None) -> None:
    assert run is not None
    fail_run(run=run, reason="The disk is full.")


def people_judge(turn: Turn, judge: Labeler, *, like_the_new: bool, at_most: int = 1000) -> None:
    """A sampling worker answers all prompts of the evaluation, and one labeler ranks the answers."""
    turn.refresh_from_db()
    evaluation = turn.evaluation
    assert evaluation is not None
    assert evaluation.baseline is not None
    sampled(
        evaluation,
        **{evaluation.candidate.name: Speaker("New"), evaluation.baseline.name: Speaker("Old")},
    )
    taste = begins_with("New", "Old") if like_the_new else begins_with("Old", "New")
    ranked_by(judge, evaluation, taste, at_most=at_most)
    decide(evaluation)


def _under_way(run: AnyRun) -> AnyRun:
    claimed = claim_run(run=run, worker="here")
    assert claimed is not None
    path = f"/{type(run).__name__}-{run.pk}"
    snapshot = Snapshot.objects.create(
        path=path, as_of=timezone.now() + timedelta(microseconds=1), filters={}, counts={}, bytes=1,
        sha256=sha256(path.encode()).hexdigest(),
    )  # fmt: skip
    begin_training(run=claimed, snapshot=snapshot, base="/base", output_path=path, log_path=f"{path}.log", config={})
    begin_evaluating(run=claimed)
    return claimed


def two_turns(loop: Loop, checkpoint: Path, *, labeler: Labeler, judge: Labeler) -> None:
    """One whose policy people prefer and which is promoted, and one whose policy is being judged."""
    for reward, kl in (((0.12, 0.86), 3.1), ((0.44, 0.97), 4.6)):
        beat(loop)
        ranked(loop, labeler, loop.min_new_rankings)
        reward_model_trained(beat(loop))
        policy_trained(beat(loop), checkpoint, reward=reward, kl=kl)
        turn = beat(loop)
        if turn.number == 1:
            people_judge(turn, judge, like_the_new=True)
            beat(loop)
    people_judge(turn, judge, like_the_new=True, at_most=5)
