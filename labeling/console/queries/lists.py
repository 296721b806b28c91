"""What the admin's lists show beside the rows' own columns, computed by Postgres for the rows of the page."""

from django.db.models import Count, DateTimeField, F, IntegerField, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.expressions import BaseExpression, Combinable
from django.db.models.functions import Coalesce, Greatest

from labeling.base.states import AssignmentState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler
from labeling.ranking_tasks.models import RankingTask


def campaigns_with_progress(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Adds prompt_count, demonstrations_done / _wanted, rankings_done / _wanted and tasks_ready.

    Wanted is all that the prompts ask for; what is set aside counts only as far as it was done.
    """
    prompts = Prompt.objects.filter(campaign=OuterRef("pk"))
    tasks = RankingTask.objects.filter(campaign=OuterRef("pk"))
    in_use = Q(set_aside_reason="")
    to_come = F("ranking_tasks_needed") - F("ranking_tasks_made")
    still_ranked = ~Q(state=TaskState.SET_ASIDE)
    return campaigns.annotate(
        prompt_count=_per(prompts, "campaign", Count("pk")),
        demonstrations_done=_per(prompts, "campaign", Sum("demonstrations_done")),
        demonstrations_wanted=_per(prompts, "campaign", Sum("demonstrations_needed", filter=in_use)),
        rankings_done=_per(tasks, "campaign", Sum("rankings_done")),
        rankings_wanted=_per(tasks, "campaign", Sum("rankings_needed", filter=still_ranked))
        + _per(prompts, "campaign", Sum(to_come, filter=in_use)) * F("rankings_per_task"),
        tasks_ready=_per(tasks, "campaign", Count("pk", filter=Q(state=TaskState.READY))),
    )


def labelers_with_work(labelers: QuerySet[Labeler]) -> QuerySet[Labeler]:
    """Adds rankings_done and demonstrations_done (first submissions), held, and last_active."""
    assignments = Assignment.objects.filter(labeler=OuterRef("pk"))
    moments = ("claimed_at", "draft_saved_at", "closed_at")
    latest = assignments.annotate(moment=Greatest(*moments)).order_by(F("moment").desc(nulls_last=True))
    return labelers.annotate(
        rankings_done=_per(Ranking.objects.first_submissions().filter(labeler=OuterRef("pk")), "labeler", Count("pk")),
        demonstrations_done=_per(
            Demonstration.objects.first_submissions().filter(labeler=OuterRef("pk")), "labeler", Count("pk")
        ),
        held=_per(assignments.filter(state=AssignmentState.OPEN), "labeler", Count("pk")),
        last_active=Subquery(latest.values("moment")[:1], output_field=DateTimeField()),
    )


def _per(rows: QuerySet[Model], key: str, measure: BaseExpression) -> Combinable:
    """`measure` of the rows that belong to the outer row, 0 where there are none."""
    grouped = rows.order_by().values(key).annotate(measured=measure).values("measured")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), Value(0))
