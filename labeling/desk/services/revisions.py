"""Revisions of what was handed in: begun, and held like any other work. Each kind of work hands its own in."""

from collections.abc import Callable

from django.db import transaction
from django.db.models import Q, TextChoices
from django.utils import timezone

from labeling.base.refusals import AlreadyDiscarded, AlreadySubmitted, LabelerNotActive, NotRevisable, WorkSetAside
from labeling.base.states import AssignmentState, RevisionState, TaskState
from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.work import own_revision
from labeling.desk.rules.drafts import Draft
from labeling.desk.services.assignments import ASSIGNMENTS
from labeling.desk.services.held_work import HeldTable, check_labeler_and_campaign
from labeling.people.models import Labeler

REVISABLE = 50
"""How many of a labeler's last submissions they may go back to, beside those that a reviewer returned."""


class RevisionTable(HeldTable[Revision]):
    model = Revision
    owner = "assignment__labeler"
    closed = {
        RevisionState.SUBMITTED: (AlreadySubmitted, "This revision was handed in; its draft can't change any more."),
        RevisionState.KEPT: (AlreadyDiscarded, "This revision was dropped, and what was handed in kept as it was."),
    }
    discarded = RevisionState.KEPT

    def find_own(self, *, labeler: Labeler, token: str) -> Revision:
        return own_revision(labeler, token)

    def lock_own(self, *, labeler: Labeler, token: str) -> Revision:
        return (
            Revision.objects.select_for_update(of=("self",), no_key=True)
            .select_related(
                "assignment__campaign", "assignment__labeler", "assignment__rubric_version", "assignment__prompt",
                "assignment__task",
            )
            .get(token=token, assignment__labeler=labeler)
        )  # fmt: skip

    def check_standing(self, held: Revision) -> None:
        """Raises WorkSetAside as well."""
        super().check_standing(held)
        _check_not_set_aside(held.assignment)

    def close(self, held: Revision, state: TextChoices, **said: object) -> None:
        """What was returned is with its reviewer again, once a revision of it is handed in."""
        super().close(held, state, **said)
        if state == RevisionState.SUBMITTED and held.assignment.returned_at is not None:
            held.assignment.returned_at = None
            held.assignment.save(update_fields=["returned_at"])


REVISIONS = RevisionTable()


@transaction.atomic
def start_revision(*, labeler: Labeler, token: str, fields_of: Callable[[Assignment], Draft]) -> Revision:
    """Returns the open revision of a submission, or a new one that begins with what counts now.

    `fields_of` gives that as the fields of the page. Raises LabelerNotActive, CampaignNotOpen, WorkSetAside,
    NotRevisable, Assignment.DoesNotExist.
    """
    assignment = ASSIGNMENTS.lock_own(labeler=labeler, token=token)
    check_labeler_and_campaign(assignment)
    _check_not_set_aside(assignment)
    begun = Revision.objects.filter(assignment=assignment, state=RevisionState.OPEN).first()
    if begun is not None:
        return begun
    if assignment.labeler.works_in is None:  # whoever is suspended finishes what they hold, and no more
        raise LabelerNotActive(f"Labeler {labeler.pk} is {assignment.labeler.state}. What was handed in stays.")
    if assignment.state != AssignmentState.SUBMITTED or not is_revisable(assignment):
        raise NotRevisable(f"Only the last {REVISABLE} submissions can be revised, and this is none of them.")
    return Revision.objects.create(assignment=assignment, handed_in=fields_of(assignment), started_at=timezone.now())


def is_revisable(assignment: Assignment) -> bool:
    """Whether it is one of the labeler's last submissions, or was returned by a reviewer, however long ago."""
    return assignment.returned_at is not None or handed_in_since(assignment) < REVISABLE


def handed_in_since(assignment: Assignment) -> int:
    """How many pieces of work the labeler handed in after this one, counted no further than matters."""
    later = Q(closed_at__gt=assignment.closed_at) | Q(closed_at=assignment.closed_at, pk__gt=assignment.pk)
    own = Assignment.objects.filter(labeler_id=assignment.labeler_id, state=AssignmentState.SUBMITTED)
    return own.filter(later)[:REVISABLE].count()


def _check_not_set_aside(assignment: Assignment) -> None:
    if assignment.prompt.set_aside_reason or (assignment.task and assignment.task.state == TaskState.SET_ASIDE):
        raise WorkSetAside("The prompt or the task was set aside. What was handed in stays as it is.")
