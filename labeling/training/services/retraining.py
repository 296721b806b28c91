"""The retraining loop: export → train in its own process → evaluate old and new alike → register → promote or not."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from labeling.base.states import ModelKind
from labeling.exports.models import Snapshot
from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_reward_model, current_sft_model
from labeling.model_versions.services.promotion import keep_as_candidate, promote
from labeling.model_versions.services.registration import has_simulated, register_model
from labeling.training.models import TrainingRecipe, TrainingRun
from labeling.training.rules.promotion import Rule, decide
from labeling.training.services.carrying_out import CannotTrain, carry_out, log_of, name_on_disk, output_of
from labeling.training.services.recipes import current_recipe
from labeling.training.services.requesting import BothModels, TrainingOptions
from labeling.training.services.runs import begin_evaluating, begin_training, finish_run, note_progress
from labeling.training.services.trainer import Trainer
from labeling.training.services.trainer_process import Heard
from lm.snapshot.manifest import utc_text, verify_snapshot
from rm_trainer.evaluation.figures import Comparison, Evaluation
from rm_trainer.metrics import Metrics

LONG_AGO = datetime.fromtimestamp(0, tz=UTC)
"""Where no model is current, or it is not known what the current one was trained on, every ranking is new."""


HELD_BACK = (
    "Kept as candidate: it learned from simulated labelers, and nobody asked that such a model may become current. The "
    "rule would have it so: {reason}"
)
FOLDS = ".folds"
"""What is put behind a model's path for the directory of its folds."""


def retrain(run: TrainingRun) -> None:
    """Does a claimed run to its end, or goes on with one that was interrupted."""
    carry_out(run, _retrain)


def _retrain(run: TrainingRun) -> None:
    snapshot = run.snapshot or (run.beside.snapshot if run.beside else None) or _export(run)
    output, log_path = output_of(run, run.reward_model.slug), log_of(run)
    # What an earlier worker began is gone on with as it was begun, or its checkpoint would be another run's.
    base = run.base or _base_model(run.recipe)
    options = run.config or _training_options(run.recipe)
    begin_training(
        run=run, snapshot=snapshot, base=base, output_path=str(output), log_path=str(log_path), config=options
    )
    trainer = Trainer(log_path, lambda event: note_progress(run=run, event=event))
    if not (output / "metrics.json").exists():
        trainer.train(data=snapshot.path, base=base, output=output, options=options)

    current = current_reward_model(run.reward_model)
    begin_evaluating(run=run, compared_with=current)
    _register(run, snapshot, output, current, _evaluate_both(trainer, snapshot, output, current))


def measure_folds(version: ModelVersion, *, folds: int, heard: Heard) -> Path:
    """Measures how a model trained like `version` carries over to labelers left out of training: NAME.folds beside it.

    Goes on where an earlier call was stopped. Raises CannotTrain, TrainerFailed and TrainerInterrupted.
    """
    if version.snapshot is None or not version.metrics.get("base"):
        raise CannotTrain(f"{version} was not trained here, so nobody knows from which base and rankings.")
    output = Path(f"{version.path}{FOLDS}")
    log_path = Path(settings.VAR_DIR) / "log" / f"{output.name}.log"
    run = getattr(version, "trainingrun", None)
    assert version.reward_model is not None  # a CHECK constraint: it is no SFT model
    options = _training_options(run.recipe if run else current_recipe(version.reward_model))
    options["folds"] = folds
    trainer = Trainer(log_path, heard)
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


def _evaluate_both(trainer: Trainer, snapshot: Snapshot, output: Path, current: ModelVersion | None) -> _Evaluations:
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
    directory = Path(settings.SNAPSHOTS_DIR) / name_on_disk(run, "training-run")
    if directory.exists():  # a worker was killed between writing it and saying so
        manifest = verify_snapshot(directory)
    else:
        manifest = write_snapshot(
            directory,
            kinds=("rankings", "demonstrations"),
            include_simulated=run.include_simulated,
            include_imported=settings.INCLUDE_IMPORTED_IN_RETRAINING,
            reward_model=run.reward_model.slug,
        )
    if not manifest.counts.get("train", {}).get("usable_pairs"):
        raise CannotTrain(
            "There is no comparison to train on yet: the train split has no ranking with two different ranks. "
            "Rank more completions, or ask for simulated rankings to be included."
        )
    return register_snapshot(manifest=manifest, path=directory, made_by=f"training run {run.pk}")


def _base_model(recipe: TrainingRecipe) -> str:
    if recipe.base:
        return recipe.base
    sft = current_sft_model()
    if sft is None:
        raise CannotTrain("There is no base model: register and promote an SFT model, or name one in the recipe.")
    return sft.path


def _training_options(recipe: TrainingRecipe) -> TrainingOptions:
    """What the recipe says of training."""
    return TrainingOptions(
        learning_rate=recipe.learning_rate,
        rankings_per_batch=recipe.rankings_per_batch,
        epochs=recipe.epochs,
        max_length=recipe.max_length,
        freeze_embeddings=recipe.freeze_embeddings,
        lora_rank=recipe.lora_rank,
        strength=recipe.strength,
        label_smoothing=recipe.label_smoothing,
        half=recipe.half,
        checkpoint_every=settings.RM_CHECKPOINT_EVERY,
    )


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
    simulated = has_simulated(snapshot.counts)
    version = register_model(
        kind=ModelKind.REWARD,
        name=f"{run.reward_model.slug}-{run.pk}{'-simulated' if simulated else ''}",
        reward_model=run.reward_model,
        path=output,
        parent=current,
        snapshot_id=snapshot.pk,
        metrics=metrics,
        simulated=simulated,
        used=evaluations.used(),
    )
    decision = decide(
        test=evaluations.comparison(),
        newest=evaluations.newest(),
        against=current.name if current else "",
        since=evaluations.since,
        rule=_rule(),
    )
    held_back = decision.promote and simulated and not run.promote_simulated
    reason = HELD_BACK.format(reason=decision.reason) if held_back else decision.reason
    finish_run(
        run=run, model_version=version, evaluation=evaluations.metrics(), decision=reason, promotion=decision.numbers
    )
    if decision.promote and not held_back:
        promote(version=version, reason=reason, simulated=run.promote_simulated)
    else:
        keep_as_candidate(version=version, reason=reason)


def _rule() -> Rule:
    return Rule(
        tolerance=settings.PROMOTE_TOLERANCE,
        min_gain=settings.PROMOTE_MIN_ACCURACY_GAIN,
        confidence=settings.PROMOTE_CONFIDENCE,
        min_test_rankings=settings.PROMOTE_MIN_TEST_RANKINGS,
        min_new_rankings=settings.PROMOTE_MIN_NEW_RANKINGS,
    )
