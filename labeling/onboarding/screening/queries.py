"""What a candidate did, held against the right answers and the cutoffs; demonstrations that wait for a grade."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.db.models import Avg, Count, Exists, F, FloatField, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, Coalesce

from labeling.base.language import in_language
from labeling.base.messages import Turn, turns_of
from labeling.base.states import (
    AssignmentKind,
    AssignmentState,
    CampaignStage,
    CampaignState,
    CheckKind,
    GoldState,
    LabelerState,
)
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.campaigns.queries import flags_of
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.queries.idle import with_work
from labeling.desk.ranking.models import Ranking
from labeling.onboarding.screening.models import Candidate, Grade, ScreeningDecision, SelfAssessment
from labeling.onboarding.screening.rules import Measure, mean_of, strictest
from labeling.onboarding.stages.models import StageSettings
from labeling.onboarding.stages.queries import Progress, progress_in
from labeling.onboarding.stages.rules import percent_of
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check
from labeling.quality.gold.rules import ranks_of

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
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


def checks_of_screening() -> QuerySet[Check]:
    """What was measured of gold items in screening."""
    return Check.objects.filter(
        kind=CheckKind.GOLD, ranking__isnull=False, task__campaign__stage=CampaignStage.SCREENING
    )


def demonstrations_of_screening() -> QuerySet[Demonstration]:
    """As they count now: the last revision of each."""
    return Demonstration.objects.last_revisions().filter(
        prompt__campaign__stage=CampaignStage.SCREENING, labeler__isnull=False
    )


def decision_of(labeler: Labeler) -> ScreeningDecision | None:
    """The last one about them."""
    return ScreeningDecision.objects.filter(candidate__labeler=labeler).order_by("-pk").first()


def is_through(labeler: Labeler) -> bool:
    """Whether the candidate did all that there is for them, so that others have to act."""
    ranking = progress_in(labeler, CampaignStage.SCREENING, AssignmentKind.RANKING)
    writing = progress_in(labeler, CampaignStage.SCREENING, AssignmentKind.DEMONSTRATION)
    assessed = SelfAssessment.objects.filter(labeler=labeler).exists()
    return assessed and bool(ranking.done + writing.done) and not ranking.left + writing.left


def waiting_for_decision() -> QuerySet[Candidate]:
    """Those for whom nothing is left to do, and who did something since the last decision; in one query."""
    of_screening = Assignment.objects.filter(labeler=OuterRef("pk"), campaign__stage=CampaignStage.SCREENING)
    unfinished = of_screening.filter(
        state=AssignmentState.LAPSED, draft_version__gt=0, campaign__state=CampaignState.ACTIVE
    )
    decided = ScreeningDecision.objects.filter(candidate__labeler=OuterRef("labeler")).order_by("-pk")
    since = Coalesce(Subquery(decided.values("at")[:1]), LONG_AGO)
    done = of_screening.filter(state=AssignmentState.SUBMITTED, closed_at__gt=since)
    screened = Labeler.objects.filter(state=LabelerState.SCREENING, simulated=False)
    through = with_work(screened, stage=CampaignStage.SCREENING).filter(
        ~Exists(unfinished),
        Exists(done),
        Exists(SelfAssessment.objects.filter(labeler=OuterRef("pk"))),
        gets_work=False,
    )
    return Candidate.objects.filter(labeler__in=through.values("pk"))


def with_results(candidates: QuerySet[Candidate]) -> QuerySet[Candidate]:
    """Each with `pairs`, `pairs_held`, `flags`, `flags_agreed`, `items`, `grade_mean` and `decided`, in one query."""
    checks = checks_of_screening().filter(labeler=OuterRef("labeler")).order_by().values("labeler")
    demonstrations = demonstrations_of_screening().filter(labeler=OuterRef(OuterRef("labeler"))).values("pk")
    grades = Grade.objects.filter(demonstration__in=demonstrations).order_by()
    last = ScreeningDecision.objects.filter(candidate=OuterRef("pk")).order_by("-pk")
    sums = {
        name: Subquery(checks.annotate(sum=Sum(name)).values("sum"), output_field=IntegerField())
        for name in ("pairs", "pairs_held", "flags", "flags_agreed")
    }
    return candidates.annotate(
        **sums,
        items=Subquery(checks.annotate(count=Count("pk")).values("count"), output_field=IntegerField()),
        grade_mean=Subquery(
            grades.annotate(writer=F("demonstration__labeler"))
            .values("writer")
            .annotate(mean=Avg(Cast("grade", FloatField())))
            .values("mean"),
            output_field=FloatField(),
        ),
        decided=Subquery(last.values("outcome")[:1]),
    )


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


@dataclass(frozen=True, kw_only=True)
class ToGrade:
    """A demonstration without its author."""

    pk: int
    campaign: str
    language: str
    turns: list[Turn]
    text: str
    instructions: str
    """Markdown, in the reader's language: what whoever wrote it was told."""
    grade: Grade | None
    """The reader's own, given before."""


def gradable_by(reviewer: User) -> QuerySet[Demonstration]:
    """Demonstrations of those who are screened now, in the campaigns that the reviewer sees; never their own."""
    written = demonstrations_of_screening().filter(labeler__state=LabelerState.SCREENING, source="labeler")
    return within_campaigns_of(reviewer, written.exclude(labeler__user=reviewer), "prompt__campaign")


def ungraded_by(reviewer: User) -> QuerySet[Demonstration]:
    """What the reviewer has not graded, first what fewest have, then the oldest."""
    own = Grade.objects.filter(demonstration=OuterRef("pk"), reviewer=reviewer)
    waiting = gradable_by(reviewer).filter(~Exists(own)).annotate(graded=Count("grades"))
    return waiting.order_by("graded", "submitted_at", "pk")


def to_grade(demonstration: Demonstration, reviewer: User, *, interface_language: str) -> ToGrade:
    instructions = demonstration.instruction_version
    return ToGrade(
        pk=demonstration.pk,
        campaign=demonstration.prompt.campaign.name,
        language=demonstration.prompt.language,
        turns=turns_of(demonstration.prompt.messages),
        text=demonstration.text,
        instructions=in_language(instructions.body, interface_language) if instructions else "",
        grade=Grade.objects.filter(demonstration=demonstration, reviewer=reviewer).first(),
    )


def screened_without_number() -> QuerySet[Labeler]:
    return Labeler.objects.filter(Q(candidate=None), state=LabelerState.SCREENING)


def numbers_taken(numbers: Iterable[int]) -> set[int]:
    return set(Candidate.objects.filter(number__in=numbers).values_list("number", flat=True))
