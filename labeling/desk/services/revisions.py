"""Second thoughts about what was handed in: begun, saved as a draft, dropped. Handing in is with each kind of label."""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.refusals import (
    AlreadyDiscarded,
    AlreadySubmitted,
    CampaignNotOpen,
    LabelerNotActive,
    NotRevisable,
    WorkSetAside,
)
from labeling.base.states import AssignmentKind, AssignmentState, CampaignState, LabelerState, RevisionState, TaskState
from labeling.desk.models import Assignment, Revision
from labeling.desk.rules.drafts import Draft
from labeling.desk.services.assignments import lock_own
from labeling.desk.services.drafts import check_base_version, keep_replaced
from labeling.people.models import Labeler

REVISABLE = 50
"""How many of a labeler's last submissions they may go back to."""


@transaction.atomic
def start_revision(*, labeler: Labeler, token: str) -> Revision:
    """The open revision of a submission, or a new one that begins with what counts now.

    Raises LabelerNotActive, CampaignNotOpen, WorkSetAside, NotRevisable, Assignment.DoesNotExist.
    """
    assignment = lock_own(labeler=labeler, token=token)
    check_may_revise(assignment)
    begun = Revision.objects.filter(assignment=assignment, state=RevisionState.OPEN).first()
    if begun is not None:
        return begun
    if assignment.state != AssignmentState.SUBMITTED or handed_in_since(assignment) >= REVISABLE:
        raise NotRevisable(f"Only the last {REVISABLE} submissions can be revised, and this is none of them.")
    return Revision.objects.create(
        assignment=assignment, handed_in=_fields_handed_in(assignment), started_at=timezone.now()
    )


def handed_in_since(assignment: Assignment) -> int:
    """How many pieces of work the labeler handed in after this one, counted no further than matters."""
    later = Q(closed_at__gt=assignment.closed_at) | Q(closed_at=assignment.closed_at, pk__gt=assignment.pk)
    own = Assignment.objects.filter(labeler_id=assignment.labeler_id, state=AssignmentState.SUBMITTED)
    return own.filter(later)[:REVISABLE].count()


def check_may_revise(assignment: Assignment) -> None:
    """Raises LabelerNotActive, CampaignNotOpen, WorkSetAside: what would be met whatever was entered."""
    if assignment.labeler.state != LabelerState.ACTIVE:
        raise LabelerNotActive(f"Labeler {assignment.labeler_id} is {assignment.labeler.state}. The draft is kept.")
    if assignment.campaign.state == CampaignState.CLOSED:
        raise CampaignNotOpen(f"“{assignment.campaign}” was closed, so it takes no more work. The draft is kept.")
    if assignment.prompt.set_aside_reason or (assignment.task and assignment.task.state == TaskState.SET_ASIDE):
        raise WorkSetAside("The prompt or the task was set aside. What was handed in stays as it is.")


def lock_own_revision(*, labeler: Labeler, token: str) -> Revision:
    """The labeler's own, locked, with its work. Raises Revision.DoesNotExist for anybody else's."""
    return (
        Revision.objects.select_for_update(of=("self",), no_key=True)
        .select_related(
            "assignment__campaign", "assignment__labeler", "assignment__rubric_version", "assignment__prompt",
            "assignment__task",
        )
        .get(token=token, assignment__labeler=labeler)
    )  # fmt: skip


def check_open_revision(revision: Revision) -> None:
    """Raises AlreadySubmitted or AlreadyDiscarded."""
    if revision.state == RevisionState.SUBMITTED:
        raise AlreadySubmitted("This revision was handed in; its draft can't change any more.")
    if revision.state == RevisionState.KEPT:
        raise AlreadyDiscarded("This revision was dropped, and what was handed in kept as it was.")


@transaction.atomic
def save_revision_draft(
    *, labeler: Labeler, token: str, draft: Draft, base_version: int, settles: bool = False
) -> Revision:
    """Keeps the draft as version `base_version` + 1; what was handed in stays untouched.

    Raises DraftConflict, AlreadySubmitted, AlreadyDiscarded, Revision.DoesNotExist.
    """
    revision = lock_own_revision(labeler=labeler, token=token)
    check_open_revision(revision)
    check_base_version(revision, base_version)
    store_revision_draft(revision, draft, settles=settles)
    return revision


@transaction.atomic
def keep_unsubmitted_revision(*, labeler: Labeler, token: str, draft: Draft) -> None:
    """Saves what a refused submission held, so that a refusal costs nobody their work."""
    revision = lock_own_revision(labeler=labeler, token=token)
    if revision.state == RevisionState.OPEN:
        store_revision_draft(revision, draft)


@transaction.atomic
def keep_as_it_was(*, labeler: Labeler, token: str) -> Revision:
    """Drops the revision; its draft stays in the database, and twice is once. Raises AlreadySubmitted."""
    revision = lock_own_revision(labeler=labeler, token=token)
    if revision.state == RevisionState.SUBMITTED:
        raise AlreadySubmitted("This revision was handed in before; it can't be dropped.")
    if revision.state == RevisionState.OPEN:
        close_revision(revision, RevisionState.KEPT)
    return revision


def close_revision(revision: Revision, state: RevisionState) -> None:
    """The last step for a locked revision."""
    revision.move(to=state, closed_at=timezone.now())


def store_revision_draft(revision: Revision, draft: dict[str, Any], *, settles: bool = False) -> None:
    """Writes the draft of a locked revision, whatever version it was at."""
    keep_replaced(revision, draft, always=settles)
    revision.draft = draft
    revision.draft_version += 1
    revision.draft_saved_at = timezone.now()
    revision.save(update_fields=["draft", "draft_version", "draft_saved_at"])


def _fields_handed_in(assignment: Assignment) -> Draft:
    """What counts now, as the fields of the page. The time begins anew: a revision's active seconds are its own."""
    if assignment.kind == AssignmentKind.DEMONSTRATION:
        return {"text": [assignment.demonstrations.latest("revision").text]}
    ranking = assignment.rankings.latest("revision")
    fields: Draft = {"note": [ranking.note]}
    for ranked in ranking.ranked_completions.all():
        fields |= {
            f"{ranked.shown_position}-rank": [str(ranked.rank)],
            f"{ranked.shown_position}-quality": [] if ranked.quality is None else [str(ranked.quality)],
            f"{ranked.shown_position}-flags": list(ranked.flags),
            f"{ranked.shown_position}-note": [ranked.note],
        }
    for step, strength in enumerate(ranking.strengths or [], start=1):
        fields[f"strength-{step}"] = [str(strength)]
    if ranking.none_acceptable:
        fields["none_acceptable"] = ["on"]
    return fields
