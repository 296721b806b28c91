"""One piece of work on the desk. No completion's id or model is read here, so neither can reach the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from labeling.drafts import letter_of
from labeling.markdown import RENDERER, TEXT_HEADINGS_FROM, raw_text, render_markdown
from labeling.models import Assignment, Completion, Labeler, Revision, RubricVersion
from labeling.queries.versions import instruction_version, rubric_version
from labeling.states import AssignmentState, TaskState
from labeling.wording import in_language


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


def own_assignment(labeler: Labeler, token: str) -> Assignment:
    """With its campaign and versions. Raises Assignment.DoesNotExist for anybody else's."""
    assignment = Assignment.objects.select_related("campaign").get(token=token, labeler=labeler)
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
    if assignment.task is not None:
        task = assignment.task
        return task.state == TaskState.READY and task.rankings_needed > task.rankings_open + task.rankings_done
    prompt = assignment.prompt
    taken = prompt.demonstrations_open + prompt.demonstrations_done
    return not prompt.set_aside_reason and prompt.demonstrations_needed > taken


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


def shown_completions(assignment: Assignment) -> list[ShownCompletion]:
    """In the order that was drawn for this labeler."""
    completions = Completion.objects.filter(task_id=assignment.task_id)
    rows = completions.values_list("pk", "text", "rendered__html", "rendered__renderer")
    found = {pk: _Text(text, html if renderer == RENDERER else None) for pk, text, html, renderer in rows}
    return [
        ShownCompletion(
            position=position,
            letter=letter_of(position),
            html=found[completion_id].html(),
            raw=raw_text(found[completion_id].text),
            length=len(found[completion_id].text),
        )
        for position, completion_id in enumerate(assignment.shown_order, start=1)
    ]


class _Text(NamedTuple):
    text: str
    rendered_ahead: str | None

    def html(self) -> str:
        if self.rendered_ahead is not None:
            return self.rendered_ahead
        return render_markdown(self.text, headings_from=TEXT_HEADINGS_FROM)


def flags_of(rubric: RubricVersion | None, interface_language: str) -> list[Flag]:
    return [
        Flag(
            key=flag["key"],
            label=in_language(flag.get("label", {}), interface_language) or flag["key"],
            help=in_language(flag.get("help", {}), interface_language),
        )
        for flag in (rubric.flags if rubric else [])
    ]
