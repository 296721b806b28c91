"""Demonstrations handed in."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.export_lock import while_no_export_looks
from labeling.base.refusals import AlreadySubmitted, EmptyText
from labeling.base.states import AssignmentState, RevisionState
from labeling.base.text import clean_answer
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.rules.drafts import Draft, SentDraft
from labeling.desk.services.assignments import ASSIGNMENTS
from labeling.desk.services.revisions import REVISIONS
from labeling.people.models import Labeler


@transaction.atomic
def submit_demonstration(
    *, labeler: Labeler, token: str, text: str, active_seconds: float, sent: SentDraft | None = None
) -> Demonstration:
    """Hands a demonstration in, once: a second submission of the same assignment returns the first one.

    `sent`: what the page sends. Raises EmptyText, UnstorableText, DraftConflict, LabelerNotActive, CampaignNotOpen,
    LeaseLost, AlreadySkipped, Assignment.DoesNotExist.
    """
    try:
        assignment = ASSIGNMENTS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    except AlreadySubmitted:
        return Demonstration.objects.filter(assignment__token=token).latest("revision")
    demonstration = _write(assignment, text=_checked(text), revision=1, active_seconds=active_seconds)
    ASSIGNMENTS.close(assignment, AssignmentState.SUBMITTED)
    return demonstration


@transaction.atomic
def revise_demonstration(
    *, labeler: Labeler, token: str, text: str, active_seconds: float, sent: SentDraft | None = None
) -> Demonstration | None:
    """Hands in the open revision `token` as the demonstration's next one; the last one counts. None: the same text.

    Raises EmptyText, UnstorableText, DraftConflict, AlreadySubmitted, AlreadyDiscarded, LabelerNotActive,
    CampaignNotOpen, WorkSetAside, Revision.DoesNotExist.
    """
    revision = REVISIONS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    text = _checked(text)
    latest = revision.assignment.demonstrations.latest("revision")
    if latest.text == text:
        REVISIONS.close(revision, RevisionState.KEPT)
        return None
    REVISIONS.close(revision, RevisionState.SUBMITTED)
    return _write(revision.assignment, text=text, revision=latest.revision + 1, active_seconds=active_seconds)


@transaction.atomic
def fix_demonstration(*, assignment: Assignment, text: str, by: User) -> Demonstration | None:
    """Adds a revision that `by` writes in the labeler's place; what the labeler wrote stays before it. None: the same
    text.

    Raises EmptyText, UnstorableText.
    """
    while_no_export_looks()
    assignment = ASSIGNMENTS.lock_own(labeler=assignment.labeler, token=str(assignment.token))
    text = _checked(text)
    latest = assignment.demonstrations.latest("revision")
    if latest.text == text:
        return None
    return _write(assignment, text=text, revision=latest.revision + 1, active_seconds=0.0, fixed_by=by)


@transaction.atomic
def import_demonstrations(texts: Iterable[tuple[int, str]]) -> None:
    """Ideal answers that came in a file, without a labeler, each to the prompt of that id.

    Raises EmptyText, UnstorableText.
    """
    while_no_export_looks()
    Demonstration.objects.bulk_create(
        Demonstration(prompt_id=prompt_id, source="import", text=_checked(text)) for prompt_id, text in texts
    )


def _checked(text: str) -> str:
    text = clean_answer(text)
    if not text:
        raise EmptyText("The demonstration is empty. Write an answer, or skip the prompt with a reason.")
    return text


def _write(
    assignment: Assignment, *, text: str, revision: int, active_seconds: float, fixed_by: User | None = None
) -> Demonstration:
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
        fixed_by=fixed_by,
    )


def fields_of_demonstration(assignment: Assignment) -> Draft:
    """Returns the latest revision as the fields of the page."""
    return {"text": [assignment.demonstrations.latest("revision").text]}
