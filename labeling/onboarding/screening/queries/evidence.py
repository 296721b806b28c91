"""What a candidate did, held against the right answers and the cutoffs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labeling.base.states import AssignmentKind, AssignmentState, CampaignStage, GoldState
from labeling.campaigns.queries import flags_of
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.onboarding.screening.models import Grade, ScreeningDecision, SelfAssessment
from labeling.onboarding.screening.queries.candidates import checks_of_screening, demonstrations_of_screening
from labeling.onboarding.screening.rules import Measure, mean_of, strictest
from labeling.onboarding.stages.models import StageSettings
from labeling.onboarding.stages.queries import Progress, progress_in
from labeling.onboarding.stages.rules import percent_of
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check
from labeling.quality.gold.rules import ranks_of

EXCERPT = 400
"""Characters of each text on the page of a decision; the whole is on the page of the gold item."""


@dataclass(frozen=True, kw_only=True)
class JudgedText:
    text: str
    right_rank: int
    own_rank: int
    right_flags: list[str]
    own_flags: list[str]

    @property
    def differs(self) -> bool:
        return self.right_rank != self.own_rank


@dataclass(frozen=True, kw_only=True)
class JudgedItem:
    """One gold item as the candidate ranked it, its texts in the order of the right answer."""

    item_id: int
    prompt: str
    texts: list[JudgedText]
    pairs: int
    pairs_held: int
    flags: int
    flags_agreed: int
    passed: bool
    seconds: float
    retired: bool
    note: str
    """What the candidate wrote about the whole."""


@dataclass(frozen=True, kw_only=True)
class GradedText:
    """A demonstration with the grades of its last revision."""

    prompt: str
    text: str
    grades: list[Grade]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a decision goes by, on one page. `unmeasured`: ranked, but not gold, or measured within a minute."""

    pairs: Measure
    flags: Measure
    grade: Measure
    items: list[JudgedItem]
    demonstrations: list[GradedText]
    rankings: Progress
    writing: Progress
    skipped: int
    unmeasured: int
    assessment: SelfAssessment | None
    decisions: list[ScreeningDecision]

    @property
    def ungraded(self) -> int:
        return sum(not each.grades for each in self.demonstrations)

    @property
    def left(self) -> int:
        return self.rankings.left + self.writing.left

    @property
    def is_complete(self) -> bool:
        """Nothing is left for the candidate to do, nor for reviewers."""
        return not self.left and bool(self.items) and self.assessment is not None and not self.ungraded


def evidence_of(labeler: Labeler, *, interface_language: str) -> Evidence:
    checks = list(
        checks_of_screening()
        .filter(labeler=labeler)
        .select_related("item", "version", "ranking__rubric_version", "task__prompt", "task__campaign")
        .prefetch_related("ranking__ranked_completions__completion")
        .order_by("measured_at", "pk")
    )
    written = _written(labeler)
    grades = [grade.grade for text in written for grade in text.grades]
    pairs, held = sum(check.pairs for check in checks), sum(check.pairs_held for check in checks)
    flags, agreed = sum(check.flags for check in checks), sum(check.flags_agreed for check in checks)
    ranked = Ranking.objects.first_submissions().filter(labeler=labeler, task__campaign__stage=CampaignStage.SCREENING)
    skipped = Assignment.objects.filter(
        labeler=labeler, campaign__stage=CampaignStage.SCREENING, state=AssignmentState.SKIPPED
    )
    cutoffs = _cutoffs(labeler)
    return Evidence(
        pairs=Measure(value=percent_of(held, pairs), cutoff=cutoffs.pairs_percent, of=pairs),
        flags=Measure(value=percent_of(agreed, flags), cutoff=cutoffs.flags_percent, of=flags),
        grade=Measure(value=mean_of(grades), cutoff=cutoffs.grade, of=len(grades)),
        items=[_judged(check, interface_language) for check in checks],
        demonstrations=written,
        rankings=progress_in(labeler, CampaignStage.SCREENING, AssignmentKind.RANKING),
        writing=progress_in(labeler, CampaignStage.SCREENING, AssignmentKind.DEMONSTRATION),
        skipped=skipped.count(),
        unmeasured=ranked.count() - len(checks),
        assessment=SelfAssessment.objects.filter(labeler=labeler).first(),
        decisions=list(
            ScreeningDecision.objects.filter(candidate__labeler=labeler).select_related("by").order_by("pk")
        ),
    )


def _cutoffs(labeler: Labeler) -> StageSettings:
    """Of the screening campaigns in which the candidate did something, the strictest; the defaults before that."""
    worked = Assignment.objects.filter(labeler=labeler, campaign__stage=CampaignStage.SCREENING).order_by()
    usual = StageSettings()
    stored = [
        each if (each := StageSettings.objects.filter(campaign=campaign).first()) else usual
        for campaign in worked.values_list("campaign", flat=True).distinct()
    ]
    return StageSettings(
        pairs_percent=strictest([each.pairs_percent for each in stored], usual=usual.pairs_percent),
        flags_percent=strictest([each.flags_percent for each in stored], usual=usual.flags_percent),
        grade=strictest([each.grade for each in stored], usual=usual.grade),
    )


def _judged(check: Check, interface_language: str) -> JudgedItem:
    assert check.version is not None  # all three by CHECK constraints
    assert check.ranking is not None
    assert check.item is not None
    right = ranks_of(check.version.answer["tiers"])
    right_flags = check.version.answer["flags"]
    words = {flag.key: flag.label for flag in flags_of(check.ranking.rubric_version, interface_language)}
    # In screening labelers rank the gold item's own task: the ids of its completions are those of the answer.
    texts = [
        JudgedText(
            text=_cut(ranked.completion.text),
            right_rank=right[ranked.completion_id],
            own_rank=ranked.rank,
            right_flags=[words.get(key, key) for key in right_flags.get(str(ranked.completion_id), [])],
            own_flags=[words.get(key, key) for key in sorted(ranked.flags)],
        )
        for ranked in check.ranking.ranked_completions.all()
    ]
    return JudgedItem(
        item_id=check.item.pk,
        prompt=_asked(check.task.prompt.messages),
        texts=sorted(texts, key=lambda each: (each.right_rank, each.own_rank)),
        pairs=check.pairs,
        pairs_held=check.pairs_held,
        flags=check.flags,
        flags_agreed=check.flags_agreed,
        passed=bool(check.passed),
        seconds=check.ranking.active_seconds or 0,
        retired=check.item.state == GoldState.RETIRED,
        note=check.ranking.note,
    )


def _written(labeler: Labeler) -> list[GradedText]:
    texts = list(
        demonstrations_of_screening().filter(labeler=labeler).select_related("prompt").order_by("submitted_at", "pk")
    )
    grades: dict[int, list[Grade]] = defaultdict(list)
    for grade in Grade.objects.filter(demonstration__in=texts).order_by("pk"):
        grades[grade.demonstration_id].append(grade)
    return [GradedText(prompt=_asked(each.prompt.messages), text=each.text, grades=grades[each.pk]) for each in texts]


def _asked(messages: Sequence[Mapping[str, object]]) -> str:
    return _cut(str(messages[-1]["content"]))


def _cut(text: str) -> str:
    """With an ellipsis where something is left out."""
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()}…"
