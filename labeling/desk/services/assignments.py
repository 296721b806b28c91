"""Work that is handed out: claimed, held under a lease, skipped, taken up again."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import TextChoices
from django.utils import timezone

from labeling.base.fast_paths.work import lock_own_assignment
from labeling.base.refusals import (
    AlreadySkipped,
    AlreadySubmitted,
    CampaignNotOpen,
    LabelerNotActive,
    LeaseLost,
)
from labeling.base.states import AssignmentKind, AssignmentState, SkipReason
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.models import Assignment
from labeling.desk.queries.work import own_assignment, with_versions
from labeling.desk.rules.drafts import SentDraft
from labeling.desk.rules.working_time import LONGEST_PAUSE_MINUTES
from labeling.desk.services.held_work import HeldTable
from labeling.desk.services.leases import close_submitted, release, release_expired_leases, take_place
from labeling.desk.services.next_task import claim_next_prompt, claim_next_task
from labeling.people.models import Labeler


def claim_ranking(*, labeler: Labeler) -> Assignment | None:
    """The labeler's open ranking, or a lease on the next one; None when there is nothing to rank.

    Raises LabelerNotActive, and WorkBusy while others have all that waits in hand.
    """
    return _claim(labeler, AssignmentKind.RANKING)


def claim_demonstration(*, labeler: Labeler) -> Assignment | None:
    """The labeler's open demonstration, or a lease on the next prompt; None when there is nothing to write.

    Raises as `claim_ranking` does.
    """
    return _claim(labeler, AssignmentKind.DEMONSTRATION)


CLAIM_NEXT = {AssignmentKind.RANKING: claim_next_task, AssignmentKind.DEMONSTRATION: claim_next_prompt}


def _claim(labeler: Labeler, kind: AssignmentKind) -> Assignment | None:
    # First the new one: who has just handed one in holds none, and that is when it must be quick.
    if (claimed := CLAIM_NEXT[kind](labeler) or _renew_held(labeler, kind)) is not None:
        return claimed
    # Beat releases expired leases every minute; with beat down, labeling must go on without it.
    return CLAIM_NEXT[kind](labeler) if release_expired_leases() else None


@transaction.atomic
def _renew_held(labeler: Labeler, kind: AssignmentKind) -> Assignment | None:
    labeler = _lock_active(labeler)
    held = Assignment.objects.filter(labeler=labeler, kind=kind, state=AssignmentState.OPEN).first()
    return None if held is None else _renew(held)


def _lock_active(labeler: Labeler) -> Labeler:
    """Locks the labeler's row: two tabs of one person claim one after the other."""
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    if labeler.works_in is None:
        raise LabelerNotActive(f"Labeler {labeler.pk} is {labeler.state}; an admin can set the state to active.")
    return labeler


def _renew(assignment: Assignment) -> Assignment:
    assignment.expires_at = _end_of_lease(assignment.campaign)
    assignment.save(update_fields=["expires_at"])
    return assignment


def _end_of_lease(campaign: Campaign) -> datetime:
    """When a lease that is renewed now runs out: no later than a closed campaign takes the work."""
    end = timezone.now() + timedelta(minutes=campaign.lease_minutes)
    return end if campaign.closing_at is None else min(end, campaign.closing_at)


class AssignmentTable(HeldTable[Assignment]):
    """Work that is handed out: while it is open it has a lease, and a place of its task or prompt."""

    model = Assignment
    closed = {
        AssignmentState.SUBMITTED: (AlreadySubmitted, "This work was handed in; its draft can't change any more."),
        AssignmentState.SKIPPED: (AlreadySkipped, "This work was skipped; its draft can't change any more."),
    }
    discarded = AssignmentState.SKIPPED

    def find_own(self, *, labeler: Labeler, token: str) -> Assignment:
        return own_assignment(labeler, token)

    def lock_own(self, *, labeler: Labeler, token: str) -> Assignment:
        """Locks the labeler's own, with its versions."""
        found = lock_own_assignment(token=token, labeler_id=labeler.pk)
        if found is None:
            raise Assignment.DoesNotExist
        assignment: Assignment
        assignment, assignment.labeler, assignment.campaign = found
        return with_versions(assignment)

    def renew(self, held: Assignment) -> list[str]:
        """Renews the lease of open work. Lapsed work takes its place again if one is free; otherwise it stays lapsed,
        and keeps its draft all the same."""
        if held.state == AssignmentState.LAPSED:
            _open_again_if_free(held)
        if held.state == AssignmentState.OPEN:
            held.expires_at = _end_of_lease(held.campaign)
        return ["expires_at"]

    def lock_to_hand_in(self, *, labeler: Labeler, token: str, sent: SentDraft | None = None) -> Assignment:
        """Locks work to hand it in. Work whose lease has lapsed takes its place again if one is free.

        Raises LeaseLost where none is.
        """
        assignment = super().lock_to_hand_in(labeler=labeler, token=token, sent=sent)
        _take_back_if_lapsed(assignment)
        return assignment

    def close(self, held: Assignment, state: TextChoices, **said: object) -> None:
        if state == AssignmentState.SUBMITTED:
            close_submitted(held, now=timezone.now())
        elif held.state == AssignmentState.OPEN:
            release(assignments=[held], state=AssignmentState(state), now=timezone.now(), **said)
        else:  # its place was given back when its lease ran out
            held.move(to=state, **said)


ASSIGNMENTS = AssignmentTable()


def skip(*, labeler: Labeler, token: str, reason: SkipReason, note: str = "") -> Assignment:
    """Gives the work back; this labeler is not offered it again. A second call changes nothing.

    Raises AlreadySubmitted, Assignment.DoesNotExist.
    """
    return ASSIGNMENTS.discard(labeler=labeler, token=token, skip_reason=reason, skip_note=note)


@transaction.atomic
def hold_through_pause(*, labeler: Labeler, token: str) -> Assignment:
    """Renews an open lease while its holder takes a break, up to LONGEST_PAUSE_MINUTES past the last sign of work.

    Raises Assignment.DoesNotExist.
    """
    assignment = ASSIGNMENTS.lock_own(labeler=labeler, token=token)
    if assignment.state == AssignmentState.OPEN:
        last_sign = max(assignment.claimed_at, assignment.draft_saved_at or assignment.claimed_at)
        lease = timedelta(minutes=assignment.campaign.lease_minutes)
        latest = last_sign + lease + timedelta(minutes=LONGEST_PAUSE_MINUTES)
        assignment.expires_at = max(assignment.expires_at, min(_end_of_lease(assignment.campaign), latest))
        assignment.save(update_fields=["expires_at"])
    return assignment


@transaction.atomic
def hold_at_work(*, labeler: Labeler, token: str) -> Assignment:
    """Renews the lease of somebody who reads or thinks, as a saved draft does. Closed work stays as it is.

    Raises Assignment.DoesNotExist.
    """
    assignment = ASSIGNMENTS.lock_own(labeler=labeler, token=token)
    if ASSIGNMENTS.is_open(assignment):
        assignment.save(update_fields=ASSIGNMENTS.renew(assignment))
    return assignment


def _open_again_if_free(assignment: Assignment) -> None:
    """Opens locked, lapsed work again where handing it in would be taken, a place is free and the labeler has no other
    of its kind open."""
    try:
        ASSIGNMENTS.check_standing(assignment)
        with transaction.atomic():
            if take_place(assignment):
                assignment.move(to=AssignmentState.OPEN, closed_at=None)
    except (LabelerNotActive, CampaignNotOpen):
        return
    except IntegrityError:  # another of its kind is open, or was opened at this moment; the place is given back
        assignment.state = AssignmentState.LAPSED


def _take_back_if_lapsed(assignment: Assignment) -> None:
    if assignment.state == AssignmentState.LAPSED and not take_place(assignment):
        raise LeaseLost("The lease ran out and somebody else finished this work. The draft is kept.")


@transaction.atomic
def resume(*, labeler: Labeler, token: str) -> Assignment:
    """Opens a lapsed assignment again where a place is free and the labeler holds no other of its kind.

    Raises LabelerNotActive, CampaignNotOpen, LeaseLost, AlreadySkipped.
    """
    labeler = _lock_active(labeler)
    assignment = ASSIGNMENTS.lock_own(labeler=labeler, token=token)
    if assignment.state in (AssignmentState.OPEN, AssignmentState.SUBMITTED):
        return assignment
    if Assignment.objects.filter(labeler=labeler, kind=assignment.kind, state=AssignmentState.OPEN).exists():
        raise LeaseLost("Finish the task that you hold now before taking up an earlier one. The draft is kept.")
    ASSIGNMENTS.check_standing(assignment)
    _take_back_if_lapsed(assignment)
    assignment.move(to=AssignmentState.OPEN, closed_at=None)
    return _renew(assignment)
