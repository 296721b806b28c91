"""One piece of work that is handed out, and its revision: found by its token, and as its page shows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum
from django.utils import timezone

from labeling.base.fast_paths.work import find_own_assignment, submitted_between
from labeling.base.language import in_language
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import Turn, turns_of
from labeling.base.states import AssignmentState
from labeling.campaigns.models.prompts import WANTS_DEMONSTRATION, Prompt
from labeling.campaigns.queries import instruction_version, rubric_version
from labeling.desk.models import Assignment, HeldWork, Revision, WorkingTime
from labeling.people.models import Labeler
from labeling.people.queries import beginning_of_today
from labeling.ranking_tasks.models.tasks import HAS_A_FREE_PLACE, RankingTask

JUST_CLAIMED = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class Work:
    """A piece of work as every kind's page shows it."""

    token: str
    kind: str
    campaign: str
    campaign_slug: str
    language: str
    turns: list[Turn]
    guidance: str
    draft_version: int
    saved_at: datetime | None
    held_until: datetime | None
    """When it goes back to the queue if nothing is saved; None for what nobody waits for."""
    lease_minutes: int
    """For how long each save holds it."""
    closing_at: datetime | None
    """Its campaign was closed, and takes it until then."""


def own_assignment(labeler: Labeler, token: str) -> Assignment:
    """Returns it with its prompt, campaign and versions. Raises Assignment.DoesNotExist for anybody else's."""
    found = find_own_assignment(token=token, labeler_id=labeler.pk)
    if found is None:
        raise Assignment.DoesNotExist
    assignment: Assignment
    assignment, assignment.prompt, assignment.campaign = found
    assignment.prompt.campaign = assignment.campaign
    assignment.labeler = labeler
    return with_versions(assignment)


def with_versions(assignment: Assignment) -> Assignment:
    """Returns the same with the instructions and the rubric that it was claimed under."""
    assignment.instruction_version = instruction_version(assignment.instruction_version_id)
    if assignment.rubric_version_id is not None:
        assignment.rubric_version = rubric_version(assignment.rubric_version_id)
    return assignment


def is_unexpected(assignment: Assignment) -> bool:
    """Whether the content may be a surprise: it has a warning, and the labeler has not begun the work."""
    return bool(assignment.prompt.content_warnings) and not assignment.draft_version


def other_open_work(assignment: Assignment) -> str | None:
    """The token of other work of the same kind that the labeler holds; it has to be finished first."""
    others = Assignment.objects.filter(
        labeler_id=assignment.labeler_id, kind=assignment.kind, state=AssignmentState.OPEN
    ).exclude(pk=assignment.pk)
    token = others.values_list("token", flat=True).first()
    return str(token) if token else None


def has_free_place(assignment: Assignment) -> bool:
    """Whether lapsed work could be taken up again now."""
    if assignment.task_id is not None:
        return RankingTask.objects.filter(HAS_A_FREE_PLACE, pk=assignment.task_id).exists()
    return Prompt.objects.filter(WANTS_DEMONSTRATION, pk=assignment.prompt_id).exists()


def assignment_of(held: Assignment | Revision) -> Assignment:
    """The assignment itself, or the one that the revision revises."""
    return held.assignment if isinstance(held, Revision) else held


def work_of(held: Assignment | Revision, *, interface_language: str) -> Work:
    """Returns the piece of work, with the draft of the assignment or of its revision."""
    assignment = assignment_of(held)
    guidance = in_language(assignment.instruction_version.body, interface_language)
    return Work(
        token=str(held.token),
        kind=assignment.kind,
        campaign=assignment.campaign.name,
        campaign_slug=assignment.campaign.slug,
        language=assignment.prompt.language,
        turns=turns_of(assignment.prompt.messages),
        guidance=render_markdown(guidance, headings_from=TEXT_HEADINGS_FROM),
        draft_version=held.draft_version,
        saved_at=held.draft_saved_at,
        held_until=assignment.expires_at if held is assignment else None,
        lease_minutes=assignment.campaign.lease_minutes,
        closing_at=assignment.campaign.closing_at,
    )


def done_today(labeler: Labeler, kind: str) -> int:
    """How many pieces of that kind the labeler handed in since midnight."""
    begin = beginning_of_today(labeler)
    return submitted_between(labeler_id=labeler.pk, kind=kind, begin=begin, end=begin + timedelta(days=1))


def time_of(held: HeldWork) -> float:
    """All seconds at work on it so far. A page that follows its claim at once has none, and asks nothing."""
    if not held.draft_version and timezone.now() - held.begun_at < JUST_CLAIMED:
        return 0.0
    return WorkingTime.objects.filter(token=held.token).aggregate(all=Sum("seconds"))["all"] or 0.0


def own_revision(labeler: Labeler, token: str) -> Revision:
    """Returns the revision with its work, as own_assignment does. Raises Revision.DoesNotExist for anybody else's."""
    revision = Revision.objects.select_related("assignment__prompt", "assignment__task").get(
        token=token, assignment__labeler=labeler
    )
    prompt, task = revision.assignment.prompt, revision.assignment.task
    revision.assignment = own_assignment(labeler, str(revision.assignment.token))
    revision.assignment.prompt, revision.assignment.task = prompt, task
    return revision
