"""What a labeler has handed in and holds, for the labelers' list and page."""

from collections.abc import Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Count, DateTimeField, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Greatest
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import measured_per
from labeling.base.admin.nouns import NounAdmin, column
from labeling.base.states import AssignmentState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler

WORK = ("rankings", "demonstrations", "holds", "last_seen")
WORK_FIELDSETS: Sequence[Any] = ((lazy("Work so far"), {"fields": WORK}),)


class LabelerWork(NounAdmin):
    def get_queryset(self, request: HttpRequest) -> QuerySet[Labeler]:
        """Adds rankings_done and demonstrations_done (first submissions), held, and last_active."""
        held = Assignment.objects.filter(labeler=OuterRef("pk"), state=AssignmentState.OPEN)
        rankings = Ranking.objects.filter(labeler=OuterRef("pk"), revision=1)
        demonstrations = Demonstration.objects.filter(labeler=OuterRef("pk"), revision=1)
        moment = Greatest("claimed_at", "draft_saved_at", "closed_at")
        latest = Assignment.objects.filter(labeler=OuterRef("pk")).annotate(moment=moment)
        found: QuerySet[Labeler] = super().get_queryset(request)
        return found.annotate(
            rankings_done=measured_per("labeler", rankings, Count("pk")),
            demonstrations_done=measured_per("labeler", demonstrations, Count("pk")),
            held=measured_per("labeler", held, Count("pk")),
            last_active=Subquery(
                latest.order_by(F("moment").desc(nulls_last=True)).values("moment")[:1], output_field=DateTimeField()
            ),
        )

    @column(lazy("Rankings"), ordering="rankings_done")
    def rankings(self, labeler: Any) -> str:
        return _linked("ranking", labeler, labeler.rankings_done)

    @column(lazy("Demonstrations"), ordering="demonstrations_done")
    def demonstrations(self, labeler: Any) -> str:
        return _linked("demonstration", labeler, labeler.demonstrations_done)

    @column(lazy("Holds now"), ordering="held")
    def holds(self, labeler: Any) -> str:
        return _linked("assignment", labeler, labeler.held, state__exact="open")

    @column(lazy("Last active"), ordering="last_active")
    def last_seen(self, labeler: Any) -> str:
        return naturaltime(labeler.last_active) if labeler.last_active else _("never")


def _linked(model: str, labeler: Labeler, count: int, **filters: str) -> str:
    if not count:
        return "0"
    query = {"labeler__id__exact": labeler.pk, **filters}
    return format_html('<a href="{}">{}</a>', reverse(f"admin:labeling_{model}_changelist", query=query), f"{count:,}")
