"""A labeler's own submissions, the last one first."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from labeling.base.states import AssignmentState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    token: str
    kind: str
    campaign: str
    excerpt: str
    language: str
    k: int | None
    submitted_at: datetime | None
    revision: int


def submitted_by(labeler: Labeler) -> QuerySet[Assignment]:
    return (
        Assignment.objects.filter(labeler=labeler, state=AssignmentState.SUBMITTED)
        .select_related("campaign", "prompt", "task")
        .annotate(last_revision=Coalesce(_last_revision(Ranking), _last_revision(Demonstration), 1))
        .order_by("-closed_at", "-id")
    )


def _last_revision(labels: type[Ranking | Demonstration]) -> Subquery:
    of_this = labels.objects.filter(assignment=OuterRef("pk"))
    return Subquery(of_this.order_by("-revision").values("revision")[:1])


def history_row(assignment: Assignment) -> HistoryRow:
    return HistoryRow(
        token=str(assignment.token),
        kind=assignment.kind,
        campaign=assignment.campaign.name,
        excerpt=assignment.prompt.last_user_text(),
        language=assignment.prompt.language,
        k=assignment.task.k if assignment.task else None,
        submitted_at=assignment.closed_at,
        revision=assignment.last_revision,  # type: ignore[attr-defined]  # annotated by submitted_by
    )
