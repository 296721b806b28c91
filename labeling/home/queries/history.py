"""A labeler's own submissions, the last one first: what was handed out and what they began themselves, in one list."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypedDict
from uuid import UUID

from django.db.models import CharField, Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from labeling.base.states import AssignmentKind, AssignmentState, CompositionKind, CompositionState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.versions import RubricVersion
from labeling.campaigns.queries import flags_of
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.people.models import Labeler
from labeling.people.queries import zone_of
from labeling.writing.models import Composition, Message
from labeling.writing.own_prompts.models import OwnPrompt
from labeling.writing.queries import longest_text


class Place(TypedDict):
    """One submission in the list, before its texts are read. `own`: the labeler began it."""

    token: UUID
    kind: str
    closed_at: datetime
    own: str


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What the list is narrowed down to; what is empty narrows nothing."""

    text: str = ""
    kind: str = ""
    campaign: str = ""
    flag: str = ""
    since: date | None = None
    until: date | None = None

    def __bool__(self) -> bool:
        return any((self.text, self.kind, self.campaign, self.flag, self.since, self.until))


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """`title` is what was handed in: of a ranking the best completion. `about` is the prompt."""

    token: str
    kind: str
    own: bool
    campaign: str
    title: str
    about: str
    language: str
    k: int | None
    submitted_at: datetime
    revision: int


def submitted_by(labeler: Labeler, sought: Sought) -> "QuerySet[Assignment, Place]":
    """Returns the places of what was handed in and fits, the last first. Improvements stand with their rankings."""
    zone = zone_of(labeler)
    days = Q()
    if sought.since:
        days &= Q(closed_at__gte=datetime.combine(sought.since, time.min, zone))
    if sought.until:
        days &= Q(closed_at__lt=datetime.combine(sought.until, time.max, zone))
    if sought.kind:
        days &= Q(kind=sought.kind)
    if sought.campaign:
        days &= Q(campaign__slug=sought.campaign)
    handed_out: QuerySet[Assignment] = Assignment.objects.filter(days, labeler=labeler, state=AssignmentState.SUBMITTED)
    own: QuerySet[Composition] = Composition.objects.filter(days, labeler=labeler, state=CompositionState.SUBMITTED)
    own = own.exclude(kind=CompositionKind.EDIT)
    if sought.flag:
        flagged = RankedCompletion.objects.filter(ranking__assignment=OuterRef("pk"), flags__contains=[sought.flag])
        handed_out, own = handed_out.filter(Exists(flagged)), own.none()
    if sought.text:
        handed_out = _with_text(handed_out, sought.text)
        own = _own_with_text(own, sought.text)
    places = [
        rows.order_by().values("token", "kind", "closed_at", own=Value(whose, output_field=CharField()))
        for rows, whose in ((handed_out, ""), (own, "own"))
    ]
    return places[0].union(places[1], all=True).order_by("-closed_at", "token")  # type: ignore[return-value]


def _with_text(assignments: QuerySet[Assignment], text: str) -> QuerySet[Assignment]:
    """Those whose prompt, completions, demonstration or notes have the text."""
    this = OuterRef("pk")
    completions = RankedCompletion.objects.filter(ranking__assignment=this)
    return assignments.annotate(asked=Cast("prompt__messages", TextField())).filter(
        Q(asked__icontains=_in_json(text))
        | Exists(Demonstration.objects.filter(assignment=this, text__icontains=text))
        | Exists(Ranking.objects.filter(assignment=this, note__icontains=text))
        | Exists(completions.filter(Q(note__icontains=text) | Q(completion__text__icontains=text)))
    )


def _own_with_text(compositions: QuerySet[Composition], text: str) -> QuerySet[Composition]:
    """Those whose turns, whose prompt with its answers, or whose draft has the text."""
    this = OuterRef("pk")
    return compositions.annotate(written=Cast("draft", TextField())).filter(
        Q(written__icontains=_in_json(text))
        | Exists(Message.objects.filter(conversation__composition=this, content__icontains=text))
        | Exists(OwnPrompt.objects.filter(composition=this, text__icontains=text))
    )


def _in_json(text: str) -> str:
    """As PostgreSQL writes it within JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def history_rows(places: Iterable[Place]) -> list[HistoryRow]:
    """Their texts, in the same order, by a few queries for all of them."""
    listed = list(places)
    handed_out = {each["token"] for each in listed if not each["own"]}
    own = {each["token"] for each in listed if each["own"]}
    found = {**_handed_out(handed_out), **_own(own)}
    return [found[each["token"]] for each in listed]


def _handed_out(tokens: set[UUID]) -> dict[UUID, HistoryRow]:
    assignments = list(Assignment.objects.filter(token__in=tokens).select_related("campaign", "prompt", "task"))
    titles = _titles([assignment.pk for assignment in assignments])
    rows = {}
    for assignment in assignments:
        title, revision = titles.get(assignment.pk, ("", 1))
        rows[assignment.token] = HistoryRow(
            token=str(assignment.token),
            kind=assignment.kind,
            own=False,
            campaign=assignment.campaign.name,
            title=title,
            about=assignment.prompt.last_user_text(),
            language=assignment.prompt.language,
            k=assignment.task.k if assignment.task else None,
            submitted_at=assignment.closed_at or assignment.claimed_at,
            revision=revision,
        )
    return rows


def _titles(assignments: Sequence[int]) -> Mapping[int, tuple[str, int]]:
    """By assignment: what counts of it now, the best completion or the demonstration, and its revision."""
    titles: dict[int, tuple[str, int]] = {}
    best = RankedCompletion.objects.filter(
        ranking__in=Ranking.objects.last_revisions().filter(assignment__in=assignments), rank=1
    ).order_by("-shown_position")  # of tied ones the first that was shown is written last
    for assignment, text, revision in best.values_list("ranking__assignment", "completion__text", "ranking__revision"):
        titles[assignment] = (text, revision)
    written = Demonstration.objects.filter(assignment__in=assignments).order_by("revision")
    for assignment, text, revision in written.values_list("assignment", "text", "revision"):
        titles[assignment] = (text, revision)
    return titles


def _own(tokens: set[UUID]) -> dict[UUID, HistoryRow]:
    compositions = Composition.objects.filter(token__in=tokens).select_related("campaign", "conversation", "own_prompt")
    opening = Message.objects.filter(conversation__composition__token__in=tokens, role="user").order_by("-position")
    said = dict(opening.values_list("conversation__composition__token", "content"))  # the first turn is written last
    return {
        composition.token: HistoryRow(
            token=str(composition.token),
            kind=composition.kind,
            own=True,
            campaign=composition.campaign.name,
            title=composition.own_prompt.text
            if hasattr(composition, "own_prompt")
            else said.get(composition.token) or longest_text(composition.draft),
            about="",
            language=composition.conversation.language if hasattr(composition, "conversation") else "",
            k=None,
            submitted_at=composition.closed_at or composition.started_at,
            revision=1,
        )
        for composition in compositions
    }


def campaigns_worked_on(labeler: Labeler) -> list[tuple[str, str]]:
    """(slug, name) of each campaign that has something of theirs."""
    theirs = {"labeler": labeler, "campaign": OuterRef("pk")}
    found = Campaign.objects.filter(
        Exists(Assignment.objects.filter(state=AssignmentState.SUBMITTED, **theirs))
        | Exists(Composition.objects.filter(state=CompositionState.SUBMITTED, **theirs))
    )
    return list(found.order_by("name").values_list("slug", "name"))


def flags_used(labeler: Labeler, *, interface_language: str) -> list[tuple[str, str]]:
    """(key, label) of each flag that they ever set."""
    rankings = Ranking.objects.filter(labeler=labeler)
    set_ever = RankedCompletion.objects.filter(ranking__in=rankings).annotate(flag=Func(F("flags"), function="unnest"))
    keys = set(set_ever.order_by().values_list("flag", flat=True).distinct())
    labels: dict[str, str] = dict.fromkeys(keys, "")
    if keys:
        for rubric in RubricVersion.objects.filter(pk__in=rankings.values("rubric_version")).order_by("pk"):
            for flag in flags_of(rubric, interface_language):
                labels |= {flag.key: flag.label} if flag.key in keys else {}
    return sorted(((key, label or key) for key, label in labels.items()), key=lambda each: each[1])


KINDS_LISTED = (*AssignmentKind.values, *(kind for kind in CompositionKind.values if kind != CompositionKind.EDIT))
