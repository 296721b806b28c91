"""The retraining loop: export → train in its own process → evaluate old and new alike → register → promote or not."""

import json
import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from labeling.base.refusals import Refusal
from labeling.base.states import IllegalMove, ModelKind
from labeling.exports.models import Snapshot
from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_reward_model, current_sft_model
from labeling.model_versions.services import keep_as_candidate, promote, register_model
from labeling.training.models import TrainingRun
from labeling.training.rules.promotion import Rule, decide
from labeling.training.services.runs import (
    BothModels,
    RunAbandoned,
    TrainingOptions,
    begin_evaluating,
    begin_training,
    fail_run,
    finish_run,
    note_progress,
)
from labeling.training.services.trainer_process import Heard, TrainerFailed, run_trainer
from lm.snapshot.manifest import utc_text
from rm_trainer.evaluation.figures import Comparison, Evaluation
from rm_trainer.metrics import Metrics

log = logging.getLogger(__name__)

LONG_AGO = datetime.fromtimestamp(0, tz=UTC)
"""Where no model is current, or it is not known what the current one was trained on, every ranking is new."""


FOLDS = ".folds"
"""What is put behind a model's path for the directory of its folds."""


class CannotTrain(Exception):
    """The run can't go on for a reason that a person can mend; the message says which."""


def retrain(run: TrainingRun) -> None:
    """Does a claimed run to its end. Every failure is written into the run; nothing half-made is promoted."""
    try:
        _retrain(run)
    except (RunAbandoned, IllegalMove) as ended:
        log.warning("training run %d was ended from outside: %s", run.pk, ended)
    except (CannotTrain, Refusal, TrainerFailed) as failure:
        fail_run(run_id=run.pk, reason=str(failure))
    except Exception as failure:
        fail_run(run_id=run.pk, reason=f"{type(failure).__name__}: {failure}")
        raise


def _retrain(run: TrainingRun) -> None:
    snapshot = _export(run)
    base = _base_model()
    output = Path(settings.CHECKPOINTS_DIR) / _name(run, "reward")
    log_path = Path(settings.VAR_DIR) / "log" / f"training-run-{run.pk}.log"
    options = _training_options()
    current = current_reward_model()
    if current is not None and current.snapshot is not None:
        # New is what the current model was not trained on.
        options["newest_since"] = utc_text(current.snapshot.as_of)
    begin_training(
        run=run, snapshot=snapshot, base=base, output_path=str(output), log_path=str(log_path), config=options
    )
    trainer = _Trainer(log_path, lambda event: note_progress(run=run, event=event))
    trainer.train(data=snapshot.path, base=base, output=output, options=options)

    current = current_reward_model()
    begin_evaluating(run=run, compared_with=current)
    _register(run, snapshot, output, current, _evaluate_both(trainer, snapshot, output, current))


def measure_folds(version: ModelVersion, *, folds: int, heard: Heard) -> Path:
    """Measures how a model trained like `version` carries over to labelers left out of training: NAME.folds beside it.

    Goes on where an earlier call was stopped. Raises CannotTrain and TrainerFailed.
    """
    if version.snapshot is None or not version.metrics.get("base"):
        raise CannotTrain(f"{version} was not trained here, so nobody knows from which base and rankings.")
    output = Path(f"{version.path}{FOLDS}")
    log_path = Path(settings.VAR_DIR) / "log" / f"{output.name}.log"
    options = _training_options()
    options["folds"] = folds
    trainer = _Trainer(log_path, heard)
    trainer.train(
        command="folds", data=version.snapshot.path, base=version.metrics["base"], output=output, options=options
    )
    return output / "folds.json"


@dataclass(frozen=True, kw_only=True)
class _Evaluations:
    """What `evaluate` wrote of the new and of the current model; None where nothing could be measured.

    `since`: rankings after it are new to the current model.
    """

    since: str
    new: Evaluation | None = None
    current: Evaluation | None = None

    def comparison(self) -> Comparison | None:
        return self.new["comparison"] if self.new else None

    def newest(self) -> Comparison | None:
        newest = self.new["newest"] if self.new else None
        return newest["comparison"] if newest else None

    def used(self) -> str:
        """What was done with the new model; "" where it was only written."""
        return f"Scored {self.new['metrics']['rankings']} rankings when it was evaluated." if self.new else ""

    def metrics(self) -> BothModels:
        """Both models' figures on the frozen test set, for the run's page."""
        return BothModels(
            new=self.new["metrics"] if self.new else None, current=self.current["metrics"] if self.current else None
        )


def _evaluate_both(trainer: "_Trainer", snapshot: Snapshot, output: Path, current: ModelVersion | None) -> _Evaluations:
    """The current and the new model on the identical rankings of this snapshot: its test split, and what is new."""
    since = utc_text(current.snapshot.as_of if current is not None and current.snapshot else LONG_AGO)
    if not snapshot.counts.get("test", {}).get("usable_pairs"):
        return _Evaluations(since=since)
    new = output.with_name(f"{output.name}.evaluation.json")
    if current is None:
        return _Evaluations(since=since, new=trainer.evaluate(data=snapshot.path, model=output, since=since, to=new))
    old = output.with_name(f"{output.name}.evaluation-of-{current.pk}.json")
    measured = trainer.evaluate(data=snapshot.path, model=Path(current.path), since=since, to=old)
    beside = trainer.evaluate(data=snapshot.path, model=output, since=since, to=new, current=old)
    return _Evaluations(since=since, new=beside, current=measured)


def _export(run: TrainingRun) -> Snapshot:
    directory = Path(settings.SNAPSHOTS_DIR) / _name(run, "training-run")
    manifest = write_snapshot(directory, kinds=("rankings", "demonstrations"), include_simulated=run.include_simulated)
    if not manifest.counts.get("train", {}).get("usable_pairs"):
        raise CannotTrain(
            "There is no comparison to train on yet: the train split has no ranking with two different ranks. "
            "Rank more completions, or ask for simulated rankings to be included."
        )
    return register_snapshot(manifest=manifest, path=directory)


def _name(run: TrainingRun, prefix: str) -> str:
    """A directory name that no other run has, not even one of an earlier database over the same disk."""
    return f"{prefix}-{run.pk}-{run.created_at:%Y%m%dT%H%M%SZ}"


def _base_model() -> str:
    if settings.RM_BASE_MODEL_PATH:
        return str(settings.RM_BASE_MODEL_PATH)
    sft = current_sft_model()
    if sft is None:
        raise CannotTrain("There is no base model: register and promote an SFT model, or set RM_BASE_MODEL_PATH.")
    return sft.path


def _training_options() -> TrainingOptions:
    """What the settings say of training."""
    return TrainingOptions(
        learning_rate=settings.RM_LEARNING_RATE,
        rankings_per_batch=settings.RM_BATCH_RANKINGS,
        epochs=settings.RM_EPOCHS,
        max_length=settings.RM_MAX_LENGTH,
        freeze_embeddings=settings.RM_FREEZE_EMBEDDINGS,
    )


class _Trainer:
    """The commands of rm_trainer, with one log and one listener."""

    def __init__(self, log_path: Path, heard: Heard) -> None:
        self._log_path = log_path
        self._heard = heard

    def train(self, *, data: str, base: str, output: Path, options: TrainingOptions, command: str = "train") -> None:
        arguments = ["--data", data, "--base", base, "--output", str(output), "--progress", "jsonl"]
        for name, value in options.items():
            flag = f"--{name.replace('_', '-')}"
            if isinstance(value, bool):
                arguments += [flag] if value else []
            else:
                arguments += [flag, str(value)]
        self._run(command, arguments)

    def evaluate(self, *, data: str, model: Path, since: str, to: Path, current: Path | None = None) -> Evaluation:
        """What `python -m rm_trainer evaluate` writes of `model`; compared with what it wrote of the current one."""
        arguments = ["--data", data, "--model", str(model), "--split", "test", "--newest-since", since]
        arguments += ["--confidence", str(settings.PROMOTE_CONFIDENCE), "--output", str(to)]
        self._run("evaluate", arguments + (["--current", str(current)] if current else []))
        written: Evaluation = json.loads(to.read_text())
        return written

    def _run(self, command: str, arguments: list[str]) -> None:
        arguments = [*arguments, "--cache-directory", str(Path(settings.VAR_DIR) / "tokens")]
        run_trainer(command=[*_launcher(), command, *arguments], log_path=self._log_path, heard=self._heard)


def _launcher() -> list[str]:
    """RM_TRAIN_LAUNCHER, where a bare `python` is the interpreter of this worker whatever PATH says."""
    program, *rest = settings.RM_TRAIN_LAUNCHER
    return [sys.executable if program == "python" else program, *rest]


@transaction.atomic
def _register(
    run: TrainingRun,
    snapshot: Snapshot,
    output: Path,
    current: ModelVersion | None,
    evaluations: _Evaluations,
) -> None:
    metrics: Metrics = json.loads((output / "metrics.json").read_text())
    if evaluations.new is not None:
        # One evaluation, one number: what is promoted by is what the version's page shows.
        metrics["test"] = evaluations.new["metrics"]
        metrics["analysis"]["test"] = evaluations.new["analysis"]
    version = register_model(
        kind=ModelKind.REWARD,
        name=f"reward-{run.pk}",
        path=output,
        parent=current,
        snapshot_id=snapshot.pk,
        metrics=metrics,
        used=evaluations.used(),
    )
    decision = decide(
        test=evaluations.comparison(),
        newest=evaluations.newest(),
        against=current.name if current else "",
        since=evaluations.since,
        rule=_rule(),
    )
    finish_run(
        run=run,
        model_version=version,
        evaluation=evaluations.metrics(),
        decision=decision.reason,
        promotion=decision.numbers,
    )
    if decision.promote:
        promote(version=version, reason=decision.reason)
    else:
        keep_as_candidate(version=version, reason=decision.reason)


def _rule() -> Rule:
    return Rule(
        tolerance=settings.PROMOTE_TOLERANCE,
        min_gain=settings.PROMOTE_MIN_ACCURACY_GAIN,
        confidence=settings.PROMOTE_CONFIDENCE,
        min_test_rankings=settings.PROMOTE_MIN_TEST_RANKINGS,
        min_new_rankings=settings.PROMOTE_MIN_NEW_RANKINGS,
    )
