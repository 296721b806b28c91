"""A policy's training: export → train in a process of its own → register, with all that it comes from."""

import json
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db import transaction

from labeling.base.states import ModelKind, ModelState, PolicyStage
from labeling.exports.models import Snapshot
from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.services.promotion import keep_as_candidate
from labeling.model_versions.services.registration import has_simulated, register_model
from labeling.policies.models import PolicyLook, PolicyRun
from labeling.policies.rules.options import Options
from labeling.policies.services.requesting import LEARNS_FROM
from labeling.training.services.carrying_out import CannotTrain, carry_out, log_of, name_on_disk, output_of
from labeling.training.services.runs import begin_evaluating, begin_training, finish_run, finite, note_progress
from labeling.training.services.trainer import Program, flags
from lm.errors import Failed, Refused
from lm.progress import AliveEvent, Event, Sample
from lm.snapshot.manifest import verify_snapshot
from lm.snapshot.openings import opening_key
from lm.snapshot.reading import Snapshot as SnapshotFiles
from lm.snapshot.reading import open_snapshot
from lm.snapshot.records.constants import HELD_OUT, TEST, TRAIN, VALID
from policy_trainer.metrics import Metrics

KEPT = "Kept as candidate: a policy is promoted by hand, or by an evaluation with people."
RETIRED_MEANWHILE = "“{version}” was retired meanwhile; the run went on with it as it was recorded."
STOPPED = "The training stopped by itself: {reason}"
UNKNOWN_PROMPTS = (
    "What “{version}” was measured on is not known here, so nobody could see whether these prompts are among it."
)
EXPORTED = {
    PolicyStage.SFT: ("demonstrations",),
    PolicyStage.PPO: ("prompts", "demonstrations"),  # these are its pretraining text where no other is named
    PolicyStage.DPO: ("rankings", "demonstrations"),
}
NOTHING = {
    PolicyStage.SFT: "There is no demonstration to learn from yet: the split train has none. Have some written, or ask "
    "for those of simulated labelers to be included.",
    PolicyStage.PPO: "There is no prompt to train on yet: the split train has none that is not set aside. Import "
    "prompts into a campaign, or ask for simulated campaigns to be included.",
    PolicyStage.DPO: "There is no comparison to learn from yet: the split train has no ranking with two different "
    "ranks. Have more ranked, or ask for what simulated labelers made to be included.",
}
"""What a run says where its snapshot has nothing to learn from."""


def train_policy(run: PolicyRun) -> None:
    """Does a claimed run to its end, or goes on with one that was interrupted."""
    carry_out(run, _train)


def _train(run: PolicyRun) -> None:
    snapshot = run.snapshot or _export(run)
    remarks = _refuse_measured_prompts(run, snapshot) if run.stage == PolicyStage.PPO else []
    output, log_path = output_of(run, run.stage), log_of(run)
    # What an earlier worker began is gone on with as it was begun, or its checkpoint would be another run's.
    base = run.base or (run.start.path if run.start else run.recipe.base)
    options: Options = run.config or run.recipe.options
    begin_training(
        run=run, snapshot=snapshot, base=base, output_path=str(output), log_path=str(log_path), config=options
    )
    if not (output / "metrics.json").exists():
        program = Program(settings.POLICY_TRAIN_LAUNCHER, log_path, lambda event: note(run=run, event=event))
        arguments = ["--data", snapshot.path, "--base", base, *_reward_models(run, output), *flags(options)]
        program.run_from_checkpoint(run.stage, arguments, output=output)
    begin_evaluating(run=run)
    _register(run, snapshot, output, remarks)


def note(*, run: PolicyRun, event: Event | AliveEvent) -> None:
    """Keeps one progress line of the trainer, samples included. Raises RunAbandoned."""
    note_progress(run=run, event=event)
    if event["event"] == "samples":
        found = {"samples": storable(event["samples"]), "figures": finite(event.get("figures", {}))}
        PolicyLook.objects.update_or_create(run=run, step=event["step"], defaults=found)


def storable(samples: Sequence[Sample]) -> list[Sample]:
    """What a model says may hold NUL, which PostgreSQL can't; the sign for what can't be shown stands in its place."""
    return [{**sample, "text": sample["text"].replace("\0", "\N{REPLACEMENT CHARACTER}")} for sample in samples]


def _reward_models(run: PolicyRun, output: Path) -> list[str]:
    words = [] if run.rewarded_by is None else ["--reward-model", run.rewarded_by.path]
    words += [] if run.watched_by is None else ["--watched-reward-model", run.watched_by.path]
    further = list(run.ensemble.order_by("pk"))
    return [*words, "--ensemble", str(_linked(further, output))] if further else words


def _linked(versions: Sequence[ModelVersion], output: Path) -> Path:
    """A directory beside the output with a link to each version, as --ensemble wants them."""
    directory = output.with_name(f"{output.name}.ensemble")
    directory.mkdir(parents=True, exist_ok=True)
    for version in versions:
        link = directory / f"{version.pk}"
        link.unlink(missing_ok=True)  # an earlier worker may have made it
        link.symlink_to(version.path)
    return directory


def _rewarding(run: PolicyRun) -> list[ModelVersion]:
    """The reward models of the run, whatever their part in it."""
    return [one for one in (run.rewarded_by, *run.ensemble.order_by("pk"), run.watched_by) if one is not None]


def _export(run: PolicyRun) -> Snapshot:
    """Everything that may be learned from."""
    directory = Path(settings.SNAPSHOTS_DIR) / name_on_disk(run, "policy-run")
    stage = PolicyStage(run.stage)
    if directory.exists():  # a worker was killed between writing it and saying so
        manifest = verify_snapshot(directory)
    else:
        manifest = write_snapshot(
            directory,
            kinds=EXPORTED[stage],
            include_simulated=run.include_simulated,
        )
    if not manifest.counts.get(TRAIN, {}).get(LEARNS_FROM[stage]):
        raise CannotTrain(NOTHING[stage])
    return register_snapshot(manifest=manifest, path=directory, made_by=str(run))


def _refuse_measured_prompts(run: PolicyRun, snapshot: Snapshot) -> list[str]:
    """What a reward model is measured on must stay unknown to the policy, or its figures say nothing of the two.

    Returns remarks on reward models of which that is not known. Raises CannotTrain.
    """
    remarks = []
    trained_on = _openings(open_snapshot(Path(snapshot.path)), (TRAIN,))
    for version in _rewarding(run):
        try:
            files = open_snapshot(Path(version.snapshot.path)) if version.snapshot else None
        except (Refused, Failed):
            files = None
        if files is None:
            remarks.append(UNKNOWN_PROMPTS.format(version=version))
        elif known := len(trained_on & _openings(files, (VALID, TEST, HELD_OUT))):
            raise CannotTrain(
                f"{known} prompts of the split train of {snapshot} begin like prompts that “{version}” is measured on "
                f"({version.snapshot}). A policy is trained on prompts of that split alone: choose another snapshot."
            )
    return remarks


def _openings(files: SnapshotFiles, splits: tuple[str, ...]) -> set[str]:
    return {opening_key(prompt) for split in splits for prompt in files.prompts(split)}


@transaction.atomic
def _register(run: PolicyRun, snapshot: Snapshot, output: Path, remarks: list[str]) -> None:
    metrics: Metrics = json.loads((output / "metrics.json").read_text())
    models = [*([] if run.start is None else [run.start]), *_rewarding(run)]
    simulated = has_simulated(snapshot.counts) or any(version.simulated for version in models)
    version = register_model(
        kind=ModelKind.SFT,
        name=f"{run.stage}-{run.pk}{'-simulated' if simulated else ''}",
        path=output,
        parent=run.start,
        rewarded_by=run.rewarded_by,
        watched_by=run.watched_by,
        ensemble=run.ensemble.all(),
        snapshot_id=snapshot.pk,
        metrics=metrics,
        simulated=simulated,
    )
    retired = ModelVersion.objects.filter(pk__in=[one.pk for one in models], state=ModelState.RETIRED)
    said = [KEPT, *(RETIRED_MEANWHILE.format(version=one) for one in retired.order_by("pk")), *remarks]
    if metrics["stopped"]:
        said.append(STOPPED.format(reason=metrics["stopped"]))
    decision = "\n".join(said)
    finish_run(run=run, model_version=version, decision=decision)
    keep_as_candidate(version=version, reason=decision)
