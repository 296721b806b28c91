"""What labelers and admins read of gold items: the right answer beside one's own, and how many have passed."""

from dataclasses import dataclass
from itertools import groupby

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import Turn, turns_of
from labeling.base.states import CampaignStage, CheckKind
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.queries import flags_of
from labeling.desk.models import Assignment
from labeling.desk.rules.drafts import letter_of
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check
from labeling.quality.gold.rules import ranks_of


@dataclass(frozen=True, kw_only=True)
class AnsweredText:
    """A completion with both ranks. The letter is the one under which the labeler saw it; flags are their labels."""

    letter: str
    html: str
    own_rank: int
    right_rank: int
    own_flags: list[str]
    right_flags: list[str]

    @property
    def flags_differ(self) -> bool:
        return self.own_flags != self.right_flags


@dataclass(frozen=True, kw_only=True)
class Miss:
    """A pair that the answer has in this order, and the labeler has not. `tied`: they said that both are equal."""

    better: str
    worse: str
    tied: bool
    decides: bool
    """It is one of those that must hold."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    token: str
    campaign: str
    language: str
    turns: list[Turn]
    passed: bool
    pairs: int
    pairs_held: int
    reason: str
    """Safe HTML; empty where nobody gave one."""
    tiers: list[tuple[int, list[AnsweredText]]]
    """By rank of the right answer, the best first."""
    misses: list[Miss]
    practice: bool


def shows_answer(campaign: Campaign) -> bool:
    """Whether those who have ranked a gold item of the campaign are shown the right answer."""
    if campaign.stage == CampaignStage.WORK:
        return campaign.gold_feedback
    return campaign.stage == CampaignStage.PRACTICE


def answer_to(labeler: Labeler, token: str, *, interface_language: str) -> Answer:
    """The right answer beside what the labeler handed in. Raises Check.DoesNotExist: it is no gold of theirs that was
    measured, or its campaign does not show answers."""
    assignment = Assignment.objects.select_related("campaign", "prompt").filter(token=token, labeler=labeler).first()
    if assignment is None or not shows_answer(assignment.campaign):
        raise Check.DoesNotExist
    check = Check.objects.select_related("ranking__rubric_version", "version").get(
        labeler=labeler, task=assignment.task_id, kind=CheckKind.GOLD, ranking__isnull=False
    )
    texts = _texts(check, interface_language)
    assert check.version is not None  # a CHECK constraint
    in_order = sorted(texts.items(), key=lambda each: (each[1].right_rank, each[1].letter))
    return Answer(
        token=token,
        campaign=assignment.campaign.name,
        language=assignment.prompt.language,
        turns=turns_of(assignment.prompt.messages),
        passed=bool(check.passed),
        pairs=check.pairs,
        pairs_held=check.pairs_held,
        reason=render_markdown(check.version.reason, headings_from=TEXT_HEADINGS_FROM) if check.version.reason else "",
        tiers=[
            (rank, [text for _, text in together])
            for rank, together in groupby(in_order, key=lambda each: each[1].right_rank)
        ],
        misses=_misses(check, texts),
        practice=assignment.campaign.stage == CampaignStage.PRACTICE,
    )


def _texts(check: Check, interface_language: str) -> dict[int, AnsweredText]:
    """By the completion id of the gold item's own task."""
    assert check.item is not None  # all three by CHECK constraints
    assert check.version is not None
    assert check.ranking is not None
    labels = {flag.key: flag.label for flag in flags_of(check.ranking.rubric_version, interface_language)}
    original = dict(check.item.task.completions.values_list("text_key", "pk"))
    right_ranks = ranks_of(check.version.answer["tiers"])
    right_flags = check.version.answer["flags"]
    found = {}
    for ranked in check.ranking.ranked_completions.select_related("completion"):
        pk = original[ranked.completion.text_key]
        found[pk] = AnsweredText(
            letter=letter_of(ranked.shown_position),
            html=render_markdown(ranked.completion.text, headings_from=TEXT_HEADINGS_FROM),
            own_rank=ranked.rank,
            right_rank=right_ranks[pk],
            own_flags=[labels.get(key, key) for key in sorted(ranked.flags)],
            right_flags=[labels.get(key, key) for key in right_flags.get(str(pk), [])],
        )
    return found


def _misses(check: Check, texts: dict[int, AnsweredText]) -> list[Miss]:
    assert check.version is not None  # a CHECK constraint
    decisive = {(better, worse) for better, worse in check.version.must_hold}
    misses = [
        Miss(
            better=texts[better].letter,
            worse=texts[worse].letter,
            tied=texts[better].own_rank == texts[worse].own_rank,
            decides=(better, worse) in decisive,
        )
        for better in texts
        for worse in texts
        if texts[better].right_rank < texts[worse].right_rank and texts[better].own_rank >= texts[worse].own_rank
    ]
    return sorted(misses, key=lambda miss: (not miss.decides, miss.better, miss.worse))
