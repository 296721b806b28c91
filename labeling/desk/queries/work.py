"""One piece of work on the desk. No completion's id or model is read here, so neither can reach the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from labeling.base.language import in_language
from labeling.base.markdown import RENDERER, TEXT_HEADINGS_FROM, raw_text, render_markdown
from labeling.base.row_mapper import Rows, columns
from labeling.base.states import AssignmentState
from labeling.campaigns.models.campaigns import Campaign, RubricVersion
from labeling.campaigns.models.prompts import WANTS_DEMONSTRATION, Prompt
from labeling.campaigns.queries import instruction_version, rubric_version
from labeling.desk.models import Assignment, Revision
from labeling.desk.rules.drafts import letter_of
from labeling.people.models import Labeler
from labeling.ranking_tasks.models import HAS_A_FREE_PLACE, RankingTask


@dataclass(frozen=True, kw_only=True)
class Turn:
    role: str
    html: str


@dataclass(frozen=True, kw_only=True)
class ShownCompletion:
    """A completion by the place where this labeler sees it: position from 1, letter from A."""

    position: int
    letter: str
    html: str
    raw: str
    length: int


@dataclass(frozen=True, kw_only=True)
class Flag:
    key: str
    label: str
    help: str


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every kind of work has."""

    token: str
    kind: str
    campaign: str
    campaign_slug: str
    language: str
    turns: list[Turn]
    guidance: str
    draft_version: int
    saved_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RankingPage:
    work: Work
    completions: list[ShownCompletion]
    flags: list[Flag]
    asks_strength: bool


OWN = Rows(
    assignment=columns(Assignment),
    prompt=columns(Prompt, "id", "campaign_id", "messages", "language", "content_warnings"),
    campaign=columns(Campaign),
)
FIND_OWN = f"""
SELECT {OWN.sql} FROM labeling_assignment AS assignment
JOIN labeling_prompt AS prompt ON prompt.id = assignment.prompt_id
JOIN labeling_campaign AS campaign ON campaign.id = assignment.campaign_id
WHERE assignment.token = %s AND assignment.labeler_id = %s
"""  # noqa: S608  (put together from constants)


def own_assignment(labeler: Labeler, token: str) -> Assignment:
    """With its prompt, campaign and versions. Raises Assignment.DoesNotExist for anybody else's."""
    found = OWN.first(FIND_OWN, [token, labeler.pk])
    if found is None:
        raise Assignment.DoesNotExist
    assignment: Assignment
    assignment, assignment.prompt, assignment.campaign = found
    assignment.prompt.campaign = assignment.campaign
    assignment.labeler = labeler
    return with_versions(assignment)


def with_versions(assignment: Assignment) -> Assignment:
    """The same with the instructions and the rubric that it was claimed under."""
    assignment.instruction_version = instruction_version(assignment.instruction_version_id)
    if assignment.rubric_version_id is not None:
        assignment.rubric_version = rubric_version(assignment.rubric_version_id)
    return assignment


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


def ranking_page(assignment: Assignment, *, interface_language: str, revising: Revision | None = None) -> RankingPage:
    return RankingPage(
        work=work_of(assignment, interface_language=interface_language, revising=revising),
        completions=shown_completions(assignment),
        flags=flags_of(assignment.rubric_version, interface_language),
        asks_strength=assignment.campaign.ask_strength,
    )


def work_of(assignment: Assignment, *, interface_language: str, revising: Revision | None = None) -> Work:
    """With the draft of the revision, where there is one."""
    held = revising or assignment
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
    )


def turns_of(messages: Sequence[Mapping[str, str]]) -> list[Turn]:
    return [
        Turn(role=message["role"], html=render_markdown(message["content"], headings_from=TEXT_HEADINGS_FROM))
        for message in messages
    ]


# The text itself only where it was not rendered ahead.
COMPLETIONS = """
SELECT completion.id, length(completion.text), rendered.html, rendered.raw,
    CASE WHEN rendered.html IS NULL THEN completion.text END
FROM labeling_completion AS completion
LEFT JOIN labeling_renderedcompletion AS rendered ON rendered.completion_id = completion.id AND rendered.renderer = %s
WHERE completion.task_id = %s
"""


def shown_completions(assignment: Assignment) -> list[ShownCompletion]:
    """In the order that was drawn for this labeler."""
    with connection.cursor() as cursor:
        cursor.execute(COMPLETIONS, [RENDERER, assignment.task_id])
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    return [_shown(position, *found[pk]) for position, pk in enumerate(assignment.shown_order, start=1)]


def _shown(position: int, length: int, html: str | None, raw: str | None, text: str | None) -> ShownCompletion:
    if html is None or raw is None:
        assert text is not None  # the statement above gives one or the other
        html, raw = render_markdown(text, headings_from=TEXT_HEADINGS_FROM), raw_text(text)
    return ShownCompletion(position=position, letter=letter_of(position), html=html, raw=raw, length=length)


def flags_of(rubric: RubricVersion | None, interface_language: str) -> list[Flag]:
    return [
        Flag(
            key=flag["key"],
            label=in_language(flag.get("label", {}), interface_language) or flag["key"],
            help=in_language(flag.get("help", {}), interface_language),
        )
        for flag in (rubric.flags if rubric else [])
    ]
