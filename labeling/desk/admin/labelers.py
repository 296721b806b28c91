"""What a labeler has handed in and holds, for the page of labelers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Count, DateTimeField, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Greatest
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import measured_per
from labeling.base.admin.filters import DropdownFilter
from labeling.base.admin.model_admins import column
from labeling.base.states import AssignmentKind, AssignmentState, LabelerState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment, WorkingTime
from labeling.desk.queries.idle import why_nothing, with_work
from labeling.desk.queries.labelers import WORKED_FOR
from labeling.desk.ranking.models import Ranking
from labeling.desk.views.idle import words_for_admin
from labeling.people.models import Labeler

WORK = ("rankings", "demonstrations", "active_time", "holds", "last_seen")
ACTIVE_DAYS = 30
WORK_FIELDSETS: Sequence[Any] = ((lazy("Work so far"), {"fields": WORK}),)


class GetsWorkFilter(DropdownFilter):
    """Active people by whether there is work that they could be given now."""

    title = lazy("gets work")
    parameter_name = "gets_work"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("no", lazy("none now"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() != "no":
            return queryset
        return queryset.filter(state=LabelerState.ACTIVE, simulated=False, gets_work=False)


class LabelerWork(OfCampaigns):
    campaign_paths = WORKED_FOR
    change_form_outer_before_template = "desk/admin/labeler.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Labeler]:
        """Adds rankings_done and demonstrations_done (first submissions), seconds_active, held, gets_work and
        last_active.
        """
        held = Assignment.objects.filter(labeler=OuterRef("pk"), state=AssignmentState.OPEN)
        rankings = Ranking.objects.first_submissions().filter(labeler=OuterRef("pk"))
        demonstrations = Demonstration.objects.first_submissions().filter(labeler=OuterRef("pk"))
        recent = timezone.now() - timedelta(days=ACTIVE_DAYS)
        times = WorkingTime.objects.filter(labeler=OuterRef("pk"), quarter__gte=recent)
        moment = Greatest("claimed_at", "draft_saved_at", "closed_at")
        latest = Assignment.objects.filter(labeler=OuterRef("pk")).annotate(moment=moment)
        found: QuerySet[Labeler] = with_work(super().get_queryset(request))
        return found.annotate(
            rankings_done=measured_per("labeler", rankings, Count("pk")),
            demonstrations_done=measured_per("labeler", demonstrations, Count("pk")),
            seconds_active=measured_per("labeler", times, Sum("seconds")),
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

    @column(lazy("Active time, 30 days"), ordering="seconds_active")
    def active_time(self, labeler: Any) -> str:
        minutes = int(labeler.seconds_active // 60)
        return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}

    @column(lazy("Holds now"), ordering="held")
    def holds(self, labeler: Any) -> str:
        return _linked("assignment", labeler, labeler.held, state__exact="open")

    @column(lazy("Gets work"), label={"yes": "success", "no": "danger", "off": "default"})
    def is_given_work(self, labeler: Any) -> tuple[str, str]:
        """Whether there is work that they could be given now; for active people."""
        if labeler.state != LabelerState.ACTIVE or labeler.simulated:
            return "off", "–"
        return ("yes", _("yes")) if labeler.gets_work else ("no", _("none now"))

    def page_context(self, request: HttpRequest, labeler: Any) -> dict[str, Any]:
        """Why nothing is offered, by kind of work."""
        context = super().page_context(request, labeler)
        if labeler.state != LabelerState.ACTIVE or labeler.simulated or labeler.gets_work:
            return context
        why = [(kind.label, words_for_admin(why_nothing(labeler, kind))) for kind in AssignmentKind]
        return context | {"why_no_work": why}

    @column(lazy("Last active"), ordering="last_active")
    def last_seen(self, labeler: Any) -> str:
        return naturaltime(labeler.last_active) if labeler.last_active else _("never")


def _linked(model: str, labeler: Labeler, count: int, **filters: str) -> str:
    if not count:
        return "0"
    query = {"labeler__id__exact": labeler.pk, **filters}
    return format_html('<a href="{}">{}</a>', reverse(f"admin:labeling_{model}_changelist", query=query), f"{count:,}")
