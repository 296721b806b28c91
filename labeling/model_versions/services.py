"""Model versions: registered, promoted, rolled back, retired."""

from pathlib import Path

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import ModelRefused
from labeling.base.states import ModelKind, ModelState, check_move
from labeling.model_versions.models import ModelVersion
from lm.errors import UnusableModel
from lm.hub import fetch, is_hub_id
from lm.model_directory import check_model_directory
from rm_trainer.metrics import Metrics


@transaction.atomic
def register_model(
    *,
    kind: ModelKind,
    name: str,
    path: Path,
    parent: ModelVersion | None = None,
    snapshot_id: int | None = None,
    metrics: Metrics | None = None,
) -> ModelVersion:
    """A new candidate. The directory must hold a safetensors checkpoint with its tokenizer.

    Raises ModelRefused.
    """
    try:
        check_model_directory(path)
    except UnusableModel as unusable:
        raise ModelRefused(str(unusable)) from unusable
    if ModelVersion.objects.filter(name=name).exists():
        raise ModelRefused(
            f"There is a model version named “{name}” already; versions never change, choose a new name."
        )
    return ModelVersion.objects.create(
        kind=kind, name=name, path=str(path.resolve()), parent=parent, snapshot_id=snapshot_id, metrics=metrics or {}
    )


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
def find_or_register(*, kind: ModelKind, name: str, path: Path) -> tuple[ModelVersion, bool]:
    """The version of that name and path, and whether it is new. Raises ModelRefused as `register_model` does."""
    known = ModelVersion.objects.filter(kind=kind, name=name, path=str(path.resolve())).first()
    return (known, False) if known else (register_model(kind=kind, name=name, path=path), True)


@transaction.atomic
def promote(*, version: ModelVersion, reason: str) -> ModelVersion:
    """Makes the version the current one of its kind; the one before it is retired.

    Raises ModelRefused when its files are gone, IllegalMove when it is current already.
    """
    version = _make_current(version, reason)
    version.promoted_at = timezone.now()
    version.save(update_fields=["promoted_at"])
    return version


def _make_current(version: ModelVersion, reason: str) -> ModelVersion:
    same_kind = ModelVersion.objects.select_for_update().filter(kind=version.kind).order_by("pk")
    versions = {each.pk: each for each in same_kind}
    version = versions[version.pk]
    check_move(old=ModelState(version.state), new=ModelState.CURRENT)
    try:
        check_model_directory(Path(version.path))
    except UnusableModel as unusable:
        raise ModelRefused(f"“{version}” can't be promoted: {unusable}") from unusable
    for each in versions.values():
        if each.state == ModelState.CURRENT:
            each.move(to=ModelState.RETIRED, state_reason=f"Replaced by {version}.")
    version.move(to=ModelState.CURRENT, state_reason=reason)
    return version


@transaction.atomic
def roll_back(*, kind: ModelKind) -> ModelVersion:
    """Makes the version that was promoted before the present one current again; twice goes back two.

    Raises ModelRefused when there is none.
    """
    current = ModelVersion.objects.current(kind).first()
    earlier = ModelVersion.objects.filter(kind=kind, state=ModelState.RETIRED, promoted_at__isnull=False)
    before = earlier.filter(promoted_at__lt=current.promoted_at).order_by("-promoted_at").first() if current else None
    if before is None:
        raise ModelRefused(f"There is no earlier {kind} model to roll back to.")
    return _make_current(before, f"Rolled back from {current}.")


@transaction.atomic
def retire(*, version: ModelVersion, reason: str) -> None:
    """Takes a version out of use; it stays on record. Raises IllegalMove when it is retired already."""
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    version.move(to=ModelState.RETIRED, state_reason=reason)


def keep_as_candidate(*, version: ModelVersion, reason: str) -> None:
    """Writes down why a candidate was not promoted."""
    ModelVersion.objects.filter(pk=version.pk, state=ModelState.CANDIDATE).update(state_reason=reason)
