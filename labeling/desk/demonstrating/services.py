"""Demonstrations handed in."""

from django.db import transaction
from django.utils import timezone

from labeling.base.export_lock import while_no_export_looks
from labeling.base.refusals import EmptyText
from labeling.base.states import AssignmentState, RevisionState
from labeling.base.text import clean_text
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.services import check_may_submit
from labeling.desk.services.assignments import hold_for_submission, lock_own
from labeling.desk.services.leases import close_submitted
from labeling.desk.services.revisions import check_may_revise, check_open_revision, close_revision, lock_own_revision
from labeling.people.models import Labeler


@transaction.atomic
def submit_demonstration(*, labeler: Labeler, token: str, text: str, active_seconds: float) -> Demonstration:
    """Hands a demonstration in, once: a second submission of the same assignment returns the first one.

    Raises EmptyText, UnstorableText, LabelerNotActive, CampaignNotOpen, LeaseLost, AlreadySkipped,
    Assignment.DoesNotExist.
    """
    while_no_export_looks()
    assignment = lock_own(labeler=labeler, token=token)
    if assignment.state == AssignmentState.SUBMITTED:
        return assignment.demonstrations.latest("revision")
    check_may_submit(assignment)
    text = _checked(text)
    hold_for_submission(assignment)
    demonstration = _write(assignment, text=text, revision=1, active_seconds=active_seconds)
    close_submitted(assignment, now=timezone.now())
    return demonstration


@transaction.atomic
def revise_demonstration(*, labeler: Labeler, token: str, text: str, active_seconds: float) -> Demonstration | None:
    """Hands in the open revision `token` as the demonstration's next one; the last one counts. None: the same text.

    Raises EmptyText, UnstorableText, AlreadySubmitted, AlreadyDiscarded, LabelerNotActive, CampaignNotOpen,
    WorkSetAside, Revision.DoesNotExist.
    """
    while_no_export_looks()
    revision = lock_own_revision(labeler=labeler, token=token)
    check_open_revision(revision)
    check_may_revise(revision.assignment)
    text = _checked(text)
    latest = revision.assignment.demonstrations.latest("revision")
    if latest.text == text:
        close_revision(revision, RevisionState.KEPT)
        return None
    close_revision(revision, RevisionState.SUBMITTED)
    return _write(revision.assignment, text=text, revision=latest.revision + 1, active_seconds=active_seconds)


@transaction.atomic
def import_demonstration(*, prompt: Prompt, text: str) -> Demonstration:
    """An ideal answer that came in a file, without a labeler. Raises EmptyText, UnstorableText."""
    while_no_export_looks()
    return Demonstration.objects.create(prompt=prompt, source="import", text=_checked(text))


def _checked(text: str) -> str:
    text = clean_text(text)
    if not text.strip():
        raise EmptyText("The demonstration is empty. Write an answer, or skip the prompt with a reason.")
    return text


def _write(assignment: Assignment, *, text: str, revision: int, active_seconds: float) -> Demonstration:
    return Demonstration.objects.create(
        prompt_id=assignment.prompt_id,
        labeler=assignment.labeler,
        assignment=assignment,
        revision=revision,
        text=text,
        instruction_version_id=assignment.instruction_version_id,
        active_seconds=max(0.0, active_seconds),
        labeler_group=assignment.labeler.group,
        simulated=assignment.labeler.simulated,
    )
