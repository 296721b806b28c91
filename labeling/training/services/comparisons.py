"""Two reward models of somebody's choice on the same rankings, measured in a process of its own."""

from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from labeling.base.outbox import Outbox
from labeling.base.refusals import ComparisonRefused
from labeling.base.states import ModelKind, ScoringState
from labeling.base.worker_locks import worker_name
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.training.models import ModelComparison
from labeling.training.services.trainer import Trainer
from labeling.training.services.trainer_process import TrainerFailed, TrainerInterrupted, TrainerStopped
from rm_trainer.evaluation.figures import Comparison, Summary

COMPARISONS = Outbox(
    model=ModelComparison,
    waiting=Q(state=ScoringState.WAITING),
    task="labeling.tasks.compare_reward_models",
    send_again_after=timedelta(minutes=30),
)


class ComparisonResult(TypedDict):
    """What ModelComparison.result keeps; `comparison` is the second model beside the first."""

    first: Summary
    second: Summary
    comparison: Comparison


def request_comparison(
    *, first: ModelVersion, second: ModelVersion, snapshot: Snapshot, split: str, by: User | None = None
) -> ModelComparison:
    """Asks a training worker to measure both on that split. Raises ComparisonRefused."""
    if first == second:
        raise ComparisonRefused("Choose two different versions.")
    for version in (first, second):
        if version.kind != ModelKind.REWARD:
            raise ComparisonRefused(f"“{version}” is no reward model.")
    if not snapshot.counts.get(split, {}).get("usable_pairs"):
        there = ", ".join(name for name, counts in snapshot.counts.items() if counts.get("usable_pairs"))
        raise ComparisonRefused(
            f"{snapshot} holds no comparison in the split {split} (it has some in: {there or 'none'}). Choose another."
        )
    return ModelComparison.objects.create(first=first, second=second, snapshot=snapshot, split=split, asked_by=by)


def compare_models(*, comparison_id: int) -> None:
    """Measures both models, if nobody has yet. Safe to run again at any time."""
    waiting = ModelComparison.objects.filter(pk=comparison_id, state=ScoringState.WAITING)
    waiting.update(worker=worker_name(), dispatched_at=timezone.now())
    asked = waiting.select_related("first", "second", "snapshot").first()
    if asked is None:
        return
    try:
        result = _measure(asked)
    except TrainerStopped:
        COMPARISONS.put_back([asked.pk])
    except (TrainerFailed, TrainerInterrupted) as failure:
        waiting.move(to=ScoringState.FAILED, failure=str(failure)[:10_000], finished_at=timezone.now())
    else:
        waiting.move(to=ScoringState.READY, result=result, finished_at=timezone.now())


def _measure(asked: ModelComparison) -> ComparisonResult:
    folder = Path(settings.VAR_DIR) / "comparisons"
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(Path(settings.VAR_DIR) / "log" / f"comparison-{asked.pk}.log", lambda _event: None)
    files = [folder / f"{asked.pk}-{name}.json" for name in ("first", "second")]
    data = asked.snapshot.path
    first = trainer.evaluate(data=data, model=Path(asked.first.path), to=files[0], split=asked.split)
    second = trainer.evaluate(
        data=data, model=Path(asked.second.path), to=files[1], split=asked.split, current=files[0]
    )
    for file in files:
        file.unlink()
    return ComparisonResult(first=first["metrics"], second=second["metrics"], comparison=second["comparison"])
