"""A ranking as its page shows it, before and after it is handed in.

No completion's id or model is read here, so neither can reach the page.
"""

from dataclasses import dataclass
from itertools import groupby

from django_stubs_ext import StrPromise

from labeling.base.fast_paths.work import completions_of_task
from labeling.base.markdown import RENDERER, TEXT_HEADINGS_FROM, raw_text, render_markdown
from labeling.campaigns.queries import Flag, flags_of
from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.submissions import Submission, label_of, submission_of
from labeling.desk.queries.work import Work, assignment_of, work_of
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.desk.ranking.rules.judgements import QUALITY_HIGHEST
from labeling.desk.rules.drafts import letter_of


@dataclass(frozen=True, kw_only=True)
class RankedText:
    letter: str
    html: str
    quality: int | None
    flags: list[str]
    note: str


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Completions of equal rank."""

    rank: int
    completions: list[RankedText]
    over_the_next: StrPromise | str


@dataclass(frozen=True, kw_only=True)
class RankingSubmission:
    submission: Submission
    tiers: list[Tier]
    note: str
    none_acceptable: bool
    edit: str


def ranking_submission(
    assignment: Assignment, *, interface_language: str, revision: int | None = None
) -> RankingSubmission:
    """Returns the given revision, or the last one, best tier first. Raises Ranking.DoesNotExist."""
    ranking = label_of(assignment.rankings.select_related("rubric_version", "edit"), revision)
    labels = {flag.key: flag.label for flag in flags_of(ranking.rubric_version, interface_language)}
    ranked = ranking.ranked_completions.select_related("completion").order_by("rank", "shown_position")
    return RankingSubmission(
        submission=submission_of(assignment, ranking, assignment.rankings.all()),
        note=ranking.note,
        none_acceptable=ranking.none_acceptable,
        edit=_edit_of(ranking),
        tiers=[
            Tier(
                rank=rank,
                completions=[_ranked_text(each, labels) for each in together],
                over_the_next=ranking.strength_in_words(rank),
            )
            for rank, together in groupby(ranked, key=lambda each: each.rank)
        ],
    )


def _edit_of(ranking: Ranking) -> str:
    """What the labeler made of the best, as HTML; empty where they left it."""
    edit = getattr(ranking, "edit", None)  # a demonstration, where there is one
    return render_markdown(edit.text, headings_from=TEXT_HEADINGS_FROM) if edit else ""


def _ranked_text(ranked: RankedCompletion, labels: dict[str, str]) -> RankedText:
    return RankedText(
        letter=letter_of(ranked.shown_position),
        html=render_markdown(ranked.completion.text, headings_from=TEXT_HEADINGS_FROM),
        quality=ranked.quality,
        flags=[labels.get(key, key) for key in ranked.flags],
        note=ranked.note,
    )


@dataclass(frozen=True, kw_only=True)
class ShownCompletion:
    """A completion by the place where this labeler sees it: position from 1, letter from A."""

    position: int
    letter: str
    html: str
    raw: str
    length: int


@dataclass(frozen=True, kw_only=True)
class RankingPage:
    work: Work
    completions: list[ShownCompletion]
    flags: list[Flag]
    asks_strength: bool
    best: int = QUALITY_HIGHEST
    """The best rating."""


def ranking_page(held: Assignment | Revision, *, interface_language: str) -> RankingPage:
    assignment = assignment_of(held)
    return RankingPage(
        work=work_of(held, interface_language=interface_language),
        completions=shown_completions(assignment),
        flags=flags_of(assignment.rubric_version, interface_language),
        asks_strength=assignment.ask_strength,
    )


def shown_completions(assignment: Assignment) -> list[ShownCompletion]:
    """Returns the completions in the order that was drawn for this labeler."""
    found = completions_of_task(task_id=assignment.task_id, renderer=RENDERER)
    return [_shown(position, *found[pk]) for position, pk in enumerate(assignment.shown_order, start=1)]


def _shown(position: int, length: int, html: str | None, raw: str | None, text: str | None) -> ShownCompletion:
    if html is None or raw is None:
        assert text is not None  # the statement above gives one or the other
        html, raw = render_markdown(text, headings_from=TEXT_HEADINGS_FROM), raw_text(text)
    return ShownCompletion(position=position, letter=letter_of(position), html=html, raw=raw, length=length)
