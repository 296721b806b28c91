"""Candidates: how far each is, what counts of their work, who waits for a decision."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import Avg, Count, Exists, F, FloatField, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, Coalesce

from labeling.base.fast_paths.built_once import BuiltOnce
from labeling.base.states import AssignmentKind, AssignmentState, CampaignStage, CampaignState, CheckKind, LabelerState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.queries.idle import with_work
from labeling.onboarding.screening.models import Candidate, Grade, ScreeningDecision, SelfAssessment
from labeling.onboarding.stages.queries import progress_in
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


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


def count_waiting_for_decision() -> int:
    return _waiting_for_decision.count()


@BuiltOnce
def _waiting_for_decision() -> QuerySet[Candidate, Any]:
    return waiting_for_decision().order_by().values_list("pk")


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


def screened_without_number() -> QuerySet[Labeler]:
    return Labeler.objects.filter(Q(candidate=None), state=LabelerState.SCREENING)


def numbers_taken(numbers: Iterable[int]) -> set[int]:
    return set(Candidate.objects.filter(number__in=numbers).values_list("number", flat=True))
