"""Versions become current, are rolled back and retired.

One can be promoted when a worker has loaded it and used it once.
"""

from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import ModelRefused
from labeling.base.states import CheckState, ModelKind, ModelState, check_move
from labeling.model_versions.models import ModelVersion, Promotion, RewardModel
from labeling.model_versions.queries import promotions_of, way_back
from labeling.model_versions.services.checks import WORKERS, check_again
from labeling.model_versions.services.registration import CHECK_FILES
from lm.errors import UnusableModel


@transaction.atomic
def promote(*, version: ModelVersion, reason: str, simulated: bool = False) -> ModelVersion:
    """Makes the version the current one: the SFT model, or that of its reward model. The one before it is retired.

    `simulated` says that one may that learned from simulated labelers. Raises ModelRefused when that is not said, no
    worker has used it yet, the last one could not, or its files are gone; IllegalMove when it is current already.
    """
    _refuse_untried(version)
    _refuse_broken(version)
    _refuse_simulated(version, asked_for=simulated)
    return _make_current(version, reason, before=_replaced(version))


@transaction.atomic
def promote_when_checked(*, version: ModelVersion, reason: str, simulated: bool = False) -> ModelVersion:
    """Promotes the version, now or as soon as a worker has used it once; its state tells which. Raises as `promote`."""
    check = version.last_check
    if check is not None and check.state == CheckState.PASSED:
        return promote(version=version, reason=reason, simulated=simulated)
    _refuse_simulated(version, asked_for=simulated)
    check_again(version=version, promotion_reason=reason, promote_simulated=simulated)
    return version


@transaction.atomic
def roll_back(
    *,
    kind: ModelKind,
    reward_model: RewardModel | None = None,
    expected: ModelVersion | None = None,
    simulated: bool = False,
) -> ModelVersion:
    """Makes the version that was current before the present one current again; twice goes back two.

    `expected` was promised to whoever asks. Raises ModelRefused when nothing was current before, another version than
    promised, or one that the last worker could not use.
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
    _refuse_broken(back.version)
    _refuse_simulated(back.version, asked_for=simulated)
    current = ModelVersion.objects.filter(kind=kind, reward_model=reward_model, state=ModelState.CURRENT).first()
    reason = f"Rolled back from {current}." if current else "Rolled back; no model was current."
    return _make_current(back.version, reason, before=back.before, rolled_back=True)


def _refuse_untried(version: ModelVersion) -> None:
    check = version.last_check
    if check is None or check.state == CheckState.WAITING:
        raise ModelRefused(
            f"“{version}” can't be promoted yet: a worker loads it and uses it once first. Wait for that; where it "
            f"takes long, see whether a {WORKERS[ModelKind(version.kind)]} worker is up."
        )


def _refuse_broken(version: ModelVersion) -> None:
    check = version.last_check
    if check is not None and check.state == CheckState.FAILED:
        raise ModelRefused(
            f"“{version}” can't be promoted: the worker that tried it failed. {check.failure} Mend that and have it "
            "checked again, or register another version."
        )


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
        CHECK_FILES[ModelKind(version.kind)](Path(version.path))
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
