"""Registers versions: whose files look whole are candidates, which wait for a worker to try them."""

import json
from collections.abc import Iterable
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import ModelRefused
from labeling.base.states import CheckState, Half, ModelKind
from labeling.model_versions.models import ModelCheck, ModelVersion, RewardModel
from labeling.model_versions.services.checks import check_again
from labeling.model_versions.services.reward_models import default_reward_model
from lm.errors import UnusableModel
from lm.hub import fetch, is_hub_id
from lm.model_directory import check_language_model, check_reward_model
from lm.snapshot.manifest import Counts
from policy_trainer.metrics import Metrics as PolicyMetrics
from rm_trainer.metrics import Metrics

CHECK_FILES = {ModelKind.SFT: check_language_model, ModelKind.REWARD: check_reward_model}


@transaction.atomic
def register_model(
    *,
    kind: ModelKind,
    name: str,
    path: Path,
    reward_model: RewardModel | None = None,
    parent: ModelVersion | None = None,
    rewarded_by: ModelVersion | None = None,
    watched_by: ModelVersion | None = None,
    ensemble: Iterable[ModelVersion] = (),
    snapshot_id: int | None = None,
    metrics: Metrics | PolicyMetrics | None = None,
    simulated: bool = False,
    used: str = "",
) -> ModelVersion:
    """A new candidate, which waits for a worker to try it. The directory must hold a safetensors checkpoint of that
    kind, with its tokenizer. `used`: what a worker has done with it already, where nobody needs to try it again.

    `reward_model`: which one it is a version of; of the default one unless it is named. `rewarded_by`, `watched_by`,
    `ensemble`: of a policy, the reward models' versions that it comes of. `simulated`: it learned from simulated
    labelers, as its own metrics.json may say, too, which also says of which half of the rankings it is. Raises
    ModelRefused.
    """
    try:
        CHECK_FILES[kind](path)
    except UnusableModel as unusable:
        raise ModelRefused(str(unusable)) from unusable
    if ModelVersion.objects.filter(name=name).exists():
        raise ModelRefused(
            f"There is a model version named “{name}” already; versions never change, choose a new name."
        )
    if kind == ModelKind.REWARD and reward_model is None:
        reward_model = default_reward_model()
    version = ModelVersion.objects.create(
        kind=kind,
        reward_model=reward_model,
        name=name,
        path=str(path.resolve()),
        parent=parent,
        rewarded_by=rewarded_by,
        watched_by=watched_by,
        snapshot_id=snapshot_id,
        metrics=metrics or {},
        simulated=simulated or _says_simulated(path),
        half=_half_in(path),
    )
    version.ensemble.set(ensemble)
    if used:
        ModelCheck.objects.create(
            model_version=version, state=CheckState.PASSED, result=used, finished_at=timezone.now()
        )
    else:
        check_again(version=version)
    return version


def _says_simulated(path: Path) -> bool:
    """Whether the trainer wrote beside the weights that simulated rankings were among its data."""
    try:
        counts = json.loads((path / "metrics.json").read_text(encoding="utf-8"))["snapshot"]["counts"]
        return has_simulated(counts)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _half_in(path: Path) -> Half:
    """Which half of the split train the trainer says that it learned from."""
    try:
        return Half(json.loads((path / "metrics.json").read_text(encoding="utf-8"))["config"]["half"])
    except (OSError, ValueError, LookupError, TypeError):
        return Half.ALL


def has_simulated(counts: Counts) -> bool:
    """Whether a snapshot of these counts holds what simulated labelers handed in."""
    return any(split.get("simulated") or split.get("simulated_demonstrations") for split in counts.values())


def local_model(*, model: str, models_dir: Path) -> Path:
    """The directory of a model that is named by its path or its Hugging Face id; an id is downloaded if need be.

    Raises ModelRefused.
    """
    if not is_hub_id(model):
        return Path(model)
    try:
        return fetch(model, models_dir)
    except UnusableModel as unusable:
        raise ModelRefused(str(unusable)) from unusable


@transaction.atomic
def find_or_register(
    *, kind: ModelKind, name: str, path: Path, reward_model: RewardModel | None = None
) -> tuple[ModelVersion, bool]:
    """The version of that name and path, and whether it is new. Raises ModelRefused as `register_model` does."""
    known = ModelVersion.objects.filter(kind=kind, name=name, path=str(path.resolve())).first()
    if known is not None and reward_model not in (None, known.reward_model):
        raise ModelRefused(f"“{known}” is a version of {known.reward_model} already; choose a new name.")
    if known is not None:
        return known, False
    return register_model(kind=kind, name=name, path=path, reward_model=reward_model), True
