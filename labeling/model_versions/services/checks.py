"""Asks workers to load a version and use it once, and ends visibly what no worker took up."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.outbox import GivingUp, Outbox
from labeling.base.states import CheckState, ModelKind
from labeling.model_versions.models import ModelCheck, ModelVersion

WORKERS = {ModelKind.SFT: "sampling", ModelKind.REWARD: "scoring"}
"""Which workers load models of a kind."""


CHECK_AGAIN_AFTER = timedelta(minutes=5)
"""How often a current model that could not be loaded is tried anew."""


@transaction.atomic
def check_again(*, version: ModelVersion, promotion_reason: str = "", promote_simulated: bool = False) -> ModelCheck:
    """Asks a worker to load the version and use it once. `promotion_reason`: and to promote it when that has worked.

    Where a worker is asked already nothing is asked anew.
    """
    # Locked: one that passes in this moment is not told too late, but asked for anew.
    waiting = ModelCheck.objects.select_for_update(no_key=True)
    check, _ = waiting.get_or_create(model_version=version, state=CheckState.WAITING)
    if promotion_reason:
        check.promotion_reason, check.promote_simulated = promotion_reason, promote_simulated
        check.save(update_fields=["promotion_reason", "promote_simulated"])
    transaction.on_commit(send_checks)
    return check


def check_broken_again() -> None:
    """Asks for another try of current models that could not be loaded some minutes ago: a disk may be back."""
    for version in ModelVersion.objects.current():
        check = version.last_check
        if check is None or check.finished_at is None or check.state != CheckState.FAILED:
            continue
        if check.finished_at < timezone.now() - CHECK_AGAIN_AFTER:
            check_again(version=version)


def _give_up(check_id: int, after: timedelta) -> bool:
    waiting = ModelCheck.objects.filter(pk=check_id, state=CheckState.WAITING).select_related("model_version")
    check = waiting.first()
    if check is None:
        return False
    worker = WORKERS[ModelKind(check.model_version.kind)]
    words = (
        f"No {worker} worker tried it within {after.total_seconds() / 60:.0f} minutes. Start one, and check it again."
    )
    return waiting.move(to=CheckState.FAILED, failure=words, finished_at=timezone.now()) == 1


def _checks(kind: ModelKind, task: str) -> Outbox:
    return Outbox(
        model=ModelCheck,
        waiting=Q(state=CheckState.WAITING, model_version__in=ModelVersion.objects.filter(kind=kind)),
        task=task,
        send_again_after=timedelta(minutes=10),
        giving_up=GivingUp(after=lambda: timedelta(minutes=60), since="asked_at", end=_give_up),
    )


CHECKS = (
    _checks(ModelKind.SFT, "labeling.tasks.sample_once"),
    _checks(ModelKind.REWARD, "labeling.tasks.score_once"),
)


def send_checks() -> None:
    """Asks workers for every check that waits."""
    for outbox in CHECKS:
        outbox.send()


def give_up_late_checks() -> None:
    """Ends visibly what no worker took up."""
    for outbox in CHECKS:
        outbox.give_up_late()
