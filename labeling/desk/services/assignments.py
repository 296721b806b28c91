"""Work handed out: claimed, saved as a draft, skipped, taken up again."""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from labeling.base.refusals import AlreadySkipped, AlreadySubmitted, CampaignNotOpen, LabelerNotActive, LeaseLost
from labeling.base.row_mapper import Rows, columns
from labeling.base.states import AssignmentKind, AssignmentState, CampaignState, LabelerState, SkipReason
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.models import Assignment
from labeling.desk.queries.work import with_versions
from labeling.desk.rules.working_time import LONGEST_PAUSE_MINUTES
from labeling.desk.services.drafts import check_base_version, keep_replaced
from labeling.desk.services.leases import release, release_expired_leases, take_demonstration_place, take_ranking_place
from labeling.desk.services.next_task import claim_next_task
from labeling.people.models import Labeler


def claim_ranking(*, labeler: Labeler) -> Assignment | None:
    """The labeler's open ranking, or a lease on the next one; None when there is nothing to rank.

    Raises LabelerNotActive.
    """
    # First the new one: who has just handed one in holds none, and that is when it must be quick.
    return (
        claim_next_task(labeler)
        or _claim_once(labeler, AssignmentKind.RANKING)
        or _claim_after_cleaning_up(labeler, AssignmentKind.RANKING)
    )


def claim_demonstration(*, labeler: Labeler) -> Assignment | None:
    """The labeler's open demonstration, or a lease on the next prompt; None when there is nothing to write.

    Raises LabelerNotActive.
    """
    return _claim_once(labeler, AssignmentKind.DEMONSTRATION) or _claim_after_cleaning_up(
        labeler, AssignmentKind.DEMONSTRATION
    )


def _claim_after_cleaning_up(labeler: Labeler, kind: AssignmentKind) -> Assignment | None:
    # Beat releases expired leases every minute; with beat down, labeling must go on without it.
    if not release_expired_leases():
        return None
    return claim_next_task(labeler) if kind == AssignmentKind.RANKING else _claim_once(labeler, kind)


@transaction.atomic
def _claim_once(labeler: Labeler, kind: AssignmentKind) -> Assignment | None:
    labeler = _lock_active(labeler)
    held = Assignment.objects.filter(labeler=labeler, kind=kind, state=AssignmentState.OPEN).first()
    if held is not None:
        return _renew(held)
    return None if kind == AssignmentKind.RANKING else _take_next_prompt(labeler)


# Of the row only what claiming goes by; the ORM would read and put together the rest before every task.
LOCK_LABELER = "SELECT state, languages, opt_outs FROM labeling_labeler WHERE id = %s FOR NO KEY UPDATE"


def _lock_active(labeler: Labeler) -> Labeler:
    """Locks the labeler's row: two tabs of one person claim one after the other."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LABELER, [labeler.pk])
        labeler.state, labeler.languages, labeler.opt_outs = cursor.fetchone()
    if labeler.state != LabelerState.ACTIVE:
        raise LabelerNotActive(f"Labeler {labeler.pk} is {labeler.state}; an admin can set the state to active.")
    return labeler


def _renew(assignment: Assignment) -> Assignment:
    assignment.expires_at = timezone.now() + timedelta(minutes=assignment.campaign.lease_minutes)
    assignment.save(update_fields=["expires_at"])
    return assignment


def _take_next_prompt(labeler: Labeler) -> Assignment | None:
    prompt = (
        Prompt.objects.claimable_by(labeler)
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("campaign")
        .order_by("id")
        .first()
    )
    if prompt is None or not take_demonstration_place(prompt.pk):
        return None
    now = timezone.now()
    return Assignment.objects.create(
        labeler=labeler,
        campaign=prompt.campaign,
        kind=AssignmentKind.DEMONSTRATION,
        prompt=prompt,
        instruction_version=prompt.campaign.instruction_versions.order_by("-version")[0],
        claimed_at=now,
        expires_at=now + timedelta(minutes=prompt.campaign.lease_minutes),
    )


@transaction.atomic
def save_draft(
    *, labeler: Labeler, token: str, draft: dict[str, Any], base_version: int, settles: bool = False
) -> Assignment:
    """Keeps the draft as version `base_version` + 1 and renews an open lease. A lapsed lease keeps drafts as well.

    `settles`: it was chosen over the one that it replaces, which is kept as an earlier version.

    Raises DraftConflict when somebody saved meanwhile, AlreadySubmitted, AlreadySkipped,
    Assignment.DoesNotExist.
    """
    assignment = lock_own(labeler=labeler, token=token)
    if assignment.state == AssignmentState.SUBMITTED:
        raise AlreadySubmitted("This work was handed in; its draft can't change any more.")
    if assignment.state == AssignmentState.SKIPPED:
        raise AlreadySkipped("This work was skipped; its draft can't change any more.")
    check_base_version(assignment, base_version)
    store_draft(assignment, draft, settles=settles)
    return assignment


def store_draft(assignment: Assignment, draft: dict[str, Any], *, settles: bool = False) -> None:
    """Writes the draft of a locked assignment, whatever version it was at."""
    now = timezone.now()
    keep_replaced(assignment, draft, always=settles)
    assignment.draft = draft
    assignment.draft_version += 1
    assignment.draft_saved_at = now
    if assignment.state == AssignmentState.OPEN:
        assignment.expires_at = now + timedelta(minutes=assignment.campaign.lease_minutes)
    assignment.save(update_fields=["draft", "draft_version", "draft_saved_at", "expires_at"])


@transaction.atomic
def hold_through_pause(*, labeler: Labeler, token: str) -> Assignment:
    """Renews an open lease while its holder takes a break, up to LONGEST_PAUSE_MINUTES past the last sign of work.

    Raises Assignment.DoesNotExist.
    """
    assignment = lock_own(labeler=labeler, token=token)
    if assignment.state == AssignmentState.OPEN:
        last_sign = max(assignment.claimed_at, assignment.draft_saved_at or assignment.claimed_at)
        lease = timedelta(minutes=assignment.campaign.lease_minutes)
        latest = last_sign + lease + timedelta(minutes=LONGEST_PAUSE_MINUTES)
        assignment.expires_at = max(assignment.expires_at, min(timezone.now() + lease, latest))
        assignment.save(update_fields=["expires_at"])
    return assignment


@transaction.atomic
def keep_unsubmitted(*, labeler: Labeler, token: str, draft: dict[str, Any]) -> None:
    """Saves what a refused submission held, so that a refusal costs nobody their work."""
    assignment = lock_own(labeler=labeler, token=token)
    if assignment.state in (AssignmentState.OPEN, AssignmentState.LAPSED):
        store_draft(assignment, draft)


@transaction.atomic
def skip(*, labeler: Labeler, token: str, reason: SkipReason, note: str = "") -> Assignment:
    """Gives the work back for good: this labeler is not offered it again. Skipping twice is one skip.

    Raises AlreadySubmitted.
    """
    assignment = lock_own(labeler=labeler, token=token)
    if assignment.state == AssignmentState.SUBMITTED:
        raise AlreadySubmitted("This work was handed in before; it can't be skipped.")
    if assignment.state == AssignmentState.SKIPPED:
        return assignment
    assignment.skip_reason, assignment.skip_note = reason, note
    if assignment.state == AssignmentState.OPEN:
        release(assignments=[assignment], state=AssignmentState.SKIPPED, now=timezone.now())
    else:
        assignment.move(to=AssignmentState.SKIPPED, skip_reason=reason, skip_note=note)
    return assignment


LOCKED = Rows(assignment=columns(Assignment), labeler=columns(Labeler), campaign=columns(Campaign))
LOCK_OWN = f"""
SELECT {LOCKED.sql} FROM labeling_assignment AS assignment
JOIN labeling_labeler AS labeler ON labeler.id = assignment.labeler_id
JOIN labeling_campaign AS campaign ON campaign.id = assignment.campaign_id
WHERE assignment.token = %s AND assignment.labeler_id = %s
FOR NO KEY UPDATE OF assignment
"""  # noqa: S608  (put together from constants)


def lock_own(*, labeler: Labeler, token: str) -> Assignment:
    """The labeler's own assignment, locked, with its labeler and campaign as they are now and its versions.

    Raises Assignment.DoesNotExist for anybody else's.
    """
    found = LOCKED.first(LOCK_OWN, [token, labeler.pk])
    if found is None:
        raise Assignment.DoesNotExist
    assignment: Assignment
    assignment, assignment.labeler, assignment.campaign = found
    return with_versions(assignment)


def hold_for_submission(assignment: Assignment) -> None:
    """Makes sure that a locked assignment has its place before work is handed in.

    A lapsed lease gets its place back if one is free: whoever did the work should not lose it to a clock.
    Raises CampaignNotOpen, LeaseLost, AlreadySkipped.
    """
    if assignment.campaign.state == CampaignState.CLOSED:
        raise CampaignNotOpen(f"“{assignment.campaign}” was closed, so it takes no more work. The draft is kept.")
    if assignment.state == AssignmentState.SKIPPED:
        raise AlreadySkipped("This work was skipped and went to somebody else.")
    if assignment.state == AssignmentState.LAPSED:
        _take_back(assignment)


def _take_back(assignment: Assignment) -> None:
    taken = (
        take_ranking_place(assignment.task_id)
        if assignment.task_id is not None
        else take_demonstration_place(assignment.prompt_id)
    )
    if not taken:
        raise LeaseLost("The lease ran out and somebody else finished this work. The draft is kept.")


@transaction.atomic
def resume(*, labeler: Labeler, token: str) -> Assignment:
    """Opens a lapsed assignment again where a place is free and the labeler holds no other of its kind.

    Raises LabelerNotActive, CampaignNotOpen, LeaseLost, AlreadySkipped.
    """
    labeler = _lock_active(labeler)
    assignment = lock_own(labeler=labeler, token=token)
    if assignment.state in (AssignmentState.OPEN, AssignmentState.SUBMITTED):
        return assignment
    if Assignment.objects.filter(labeler=labeler, kind=assignment.kind, state=AssignmentState.OPEN).exists():
        raise LeaseLost("Finish the task that you hold now before taking up an earlier one. The draft is kept.")
    hold_for_submission(assignment)
    assignment.move(to=AssignmentState.OPEN, closed_at=None)
    return _renew(assignment)
