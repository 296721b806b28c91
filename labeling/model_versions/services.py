"""Model versions: registered, promoted, rolled back, retired."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import ModelRefused
from labeling.base.states import ModelKind, ModelState, check_move
from labeling.model_versions.models import ModelVersion, Promotion, RewardModel
from labeling.model_versions.queries import promotions_of, way_back
from lm.errors import UnusableModel
from lm.hub import fetch, is_hub_id
from lm.model_directory import check_model_directory
from lm.snapshot.manifest import Counts
from rm_trainer.metrics import Metrics


@transaction.atomic
def register_model(
    *,
    kind: ModelKind,
    name: str,
    path: Path,
    reward_model: RewardModel | None = None,
    parent: ModelVersion | None = None,
    snapshot_id: int | None = None,
    metrics: Metrics | None = None,
    simulated: bool = False,
) -> ModelVersion:
    """A new candidate. The directory must hold a safetensors checkpoint with its tokenizer.

    `reward_model`: which one it is a version of; of the default one unless it is named. `simulated`: it learned from
    simulated labelers, as its own metrics.json may say, too. Raises ModelRefused.
    """
    try:
        check_model_directory(path)
    except UnusableModel as unusable:
        raise ModelRefused(str(unusable)) from unusable
    if ModelVersion.objects.filter(name=name).exists():
        raise ModelRefused(
            f"There is a model version named “{name}” already; versions never change, choose a new name."
        )
    if kind == ModelKind.REWARD and reward_model is None:
        reward_model = default_reward_model()
    return ModelVersion.objects.create(
        kind=kind,
        reward_model=reward_model,
        name=name,
        path=str(path.resolve()),
        parent=parent,
        snapshot_id=snapshot_id,
        metrics=metrics or {},
        simulated=simulated or _says_simulated(path),
    )


def _says_simulated(path: Path) -> bool:
    """Whether the trainer wrote beside the weights that simulated rankings were among its data."""
    try:
        counts = json.loads((path / "metrics.json").read_text(encoding="utf-8"))["snapshot"]["counts"]
        return has_simulated(counts)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def has_simulated(counts: Counts) -> bool:
    """Whether a snapshot of these counts holds what simulated labelers handed in."""
    return any(split.get("simulated") for split in counts.values())


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


@transaction.atomic
def promote(*, version: ModelVersion, reason: str, simulated: bool = False) -> ModelVersion:
    """Makes the version the current one: the SFT model, or that of its reward model. The one before it is retired.

    `simulated` says that one may that learned from simulated labelers. Raises ModelRefused when its files are gone or
    that is not said, IllegalMove when it is current already.
    """
    _refuse_simulated(version, asked_for=simulated)
    return _make_current(version, reason, before=_replaced(version))


@transaction.atomic
def roll_back(
    *,
    kind: ModelKind,
    reward_model: RewardModel | None = None,
    expected: ModelVersion | None = None,
    simulated: bool = False,
) -> ModelVersion:
    """Makes the version that was current before the present one current again; twice goes back two.

    `expected` was promised to whoever asks. Raises ModelRefused when nothing was current before, or another version
    than promised.
    """
    _lock(kind, reward_model)
    back = way_back(kind, reward_model)
    if back is None:
        raise ModelRefused(f"There is no earlier {kind} model to roll back to.")
    if expected is not None and back.version_id != expected.pk:
        raise ModelRefused(
            f"Meanwhile another model was promoted, rolled back or retired: rolling back would lead to {back.version} "
            f"now, not to {expected}. Look again."
        )
    _refuse_simulated(back.version, asked_for=simulated)
    current = ModelVersion.objects.filter(kind=kind, reward_model=reward_model, state=ModelState.CURRENT).first()
    reason = f"Rolled back from {current}." if current else "Rolled back; no model was current."
    return _make_current(back.version, reason, before=back.before, rolled_back=True)


def _refuse_simulated(version: ModelVersion, *, asked_for: bool) -> None:
    if version.simulated and not asked_for:
        raise ModelRefused(
            f"“{version}” learned from simulated labelers, whose preferences are nobody's. Say in so many words that "
            "it may become current all the same."
        )


def _make_current(
    version: ModelVersion, reason: str, *, before: Promotion | None, rolled_back: bool = False
) -> ModelVersion:
    versions = _lock(ModelKind(version.kind), version.reward_model)
    version = versions[version.pk]
    check_move(old=ModelState(version.state), new=ModelState.CURRENT)
    try:
        check_model_directory(Path(version.path))
    except UnusableModel as unusable:
        raise ModelRefused(f"“{version}” can't be promoted: {unusable}") from unusable
    now = timezone.now()
    for each in versions.values():
        if each.state == ModelState.CURRENT:
            each.move(to=ModelState.RETIRED, state_reason=f"Replaced by {version}.")
            _end(each, now)
    version.move(to=ModelState.CURRENT, state_reason=reason, promoted_at=now)
    Promotion.objects.create(version=version, before=before, rolled_back=rolled_back, reason=reason)
    return version


def _replaced(version: ModelVersion) -> Promotion | None:
    """What rolling back leads to once `version` is promoted: the current one, or where the way back leads without."""
    _lock(ModelKind(version.kind), version.reward_model)
    latest = promotions_of(ModelKind(version.kind), version.reward_model).first()
    back = latest.before if latest is not None and latest.ended_at is not None else latest
    while back is not None and back.version_id == version.pk:  # it was retired meanwhile, and comes again
        back = back.before
    return back


def _lock(kind: ModelKind, reward_model: RewardModel | None) -> dict[int, ModelVersion]:
    """Locks the versions among which one is current, and returns them by id."""
    versions = ModelVersion.objects.select_for_update().filter(kind=kind, reward_model=reward_model)
    return {each.pk: each for each in versions.order_by("pk")}


def _end(version: ModelVersion, now: datetime) -> None:
    version.promotions.filter(ended_at=None).update(ended_at=now)


@transaction.atomic
def retire(*, version: ModelVersion, reason: str) -> None:
    """Takes a version out of use; it stays on record. Raises IllegalMove when it is retired already."""
    version = _lock(ModelKind(version.kind), version.reward_model)[version.pk]
    version.move(to=ModelState.RETIRED, state_reason=reason)
    _end(version, timezone.now())


def keep_as_candidate(*, version: ModelVersion, reason: str) -> None:
    """Writes down why a candidate was not promoted."""
    ModelVersion.objects.filter(pk=version.pk, state=ModelState.CANDIDATE).update(state_reason=reason)


@transaction.atomic
def default_reward_model() -> RewardModel:
    """The one that new campaigns feed and that programs get who name none; made where there is none yet."""
    reward_model, _ = RewardModel.objects.get_or_create(
        is_default=True, defaults={"slug": "reward", "name": "Reward model"}
    )
    return reward_model


@transaction.atomic
def create_reward_model(**fields: Any) -> RewardModel:
    """One more reward model, which no campaign feeds yet. Raises ValidationError: a taken slug, no name."""
    reward_model = RewardModel(**fields)
    reward_model.full_clean()
    reward_model.save()
    return reward_model


@transaction.atomic
def change_reward_model(*, reward_model: RewardModel, **fields: Any) -> None:
    """Changes its words and its schedule. Raises ValidationError."""
    reward_model = RewardModel.objects.select_for_update(no_key=True).get(pk=reward_model.pk)
    for name, value in fields.items():
        setattr(reward_model, name, value)
    reward_model.full_clean()
    reward_model.save(update_fields=list(fields))


@transaction.atomic
def make_default(*, reward_model: RewardModel) -> None:
    """From now on new campaigns feed it, and programs that name none get its rewards."""
    list(RewardModel.objects.select_for_update().order_by("pk"))
    RewardModel.objects.filter(is_default=True).update(is_default=False)
    RewardModel.objects.filter(pk=reward_model.pk).update(is_default=True)
