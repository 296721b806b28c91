"""Going back to an earlier version of a draft."""

from django.db import transaction

from labeling.base.refusals import AlreadySkipped, AlreadySubmitted
from labeling.base.states import AssignmentState
from labeling.desk.models import Assignment, EarlierDraft, Revision
from labeling.desk.services.assignments import lock_own, store_draft
from labeling.desk.services.revisions import check_open_revision, lock_own_revision, store_revision_draft
from labeling.people.models import Labeler
from labeling.writing.services import check_open, lock_own_composition, store_composition_draft


@transaction.atomic
def restore_draft(*, labeler: Labeler, token: str, number: int) -> None:
    """Makes a kept version the draft again; what it replaces is kept in its turn.

    Raises AlreadySubmitted, AlreadySkipped, AlreadyDiscarded, EarlierDraft.DoesNotExist for anybody else's.
    """
    kept = EarlierDraft.objects.get(pk=number, labeler=labeler, token=token)
    if Revision.objects.filter(assignment__labeler=labeler, token=token).exists():
        revision = lock_own_revision(labeler=labeler, token=token)
        check_open_revision(revision)
        store_revision_draft(revision, kept.draft, settles=True)
        return
    if not Assignment.objects.filter(labeler=labeler, token=token).exists():
        composition = lock_own_composition(labeler=labeler, token=token)
        check_open(composition)
        store_composition_draft(composition, kept.draft, settles=True)
        return
    assignment = lock_own(labeler=labeler, token=token)
    if assignment.state == AssignmentState.SUBMITTED:
        raise AlreadySubmitted("This work was handed in; its draft can't change any more.")
    if assignment.state == AssignmentState.SKIPPED:
        raise AlreadySkipped("This work was skipped; its draft can't change any more.")
    store_draft(assignment, kept.draft, settles=True)
