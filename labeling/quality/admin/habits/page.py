"""Each labeler's habits, and the page of everybody's."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.decorators import action

from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.admin.tables import csv_of
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.quality.admin.habits.marks import MarkedFilter, marks_in_words, seen
from labeling.quality.admin.habits.tables import (
    length_table,
    marked_table,
    pace_table,
    percent,
    place_table,
    ties_table,
    times,
)
from labeling.quality.bias.models import LabelerHabits
from labeling.quality.bias.rules.outliers import FALSE_DISCOVERIES, FEWEST_TASKS


@admin.register(LabelerHabits)
class LabelerHabitsAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("labeler__assignments__campaign",)
    list_display = (
        shown("labeler", lazy("Labeler")),
        "marked",
        "first",
        "longer",
        "pace_in_words",
        shown("rankings", lazy("Rankings")),
        shown("measured_at", lazy("Looked at")),
    )
    list_filter = (MarkedFilter,)
    list_select_related = ("labeler__user",)
    search_fields = ("labeler__user__username",)
    list_per_page = 50
    fields = ("labeler", "measured_at", "rankings", "outlier_since")
    change_form_outer_before_template = "quality/admin/habits.html"
    actions_list = ("look_at_figures",)

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.figures_view)
        return [path("figures/", page, name="labeling_labelerhabits_figures"), *super().get_urls()]

    def page_context(self, request: HttpRequest, habits: LabelerHabits) -> dict[str, Any]:
        return super().page_context(request, habits) | {"habits": seen(habits), "habit_tables": [ties_table(habits)]}

    @column(lazy("Marked"))
    def marked(self, habits: LabelerHabits) -> str:
        return marks_in_words(habits.outlier)

    @column(lazy("First shown is best"))
    def first(self, habits: LabelerHabits) -> str:
        return percent(habits.first_is_best)

    @column(lazy("Longer is better"))
    def longer(self, habits: LabelerHabits) -> str:
        return percent(habits.longer_wins)

    @column(lazy("Time"), ordering="pace")
    def pace_in_words(self, habits: LabelerHabits) -> str:
        return times(habits.pace)

    @cast("Callable[[Any], Any]", action(description=lazy("Figures"), icon="monitoring", permissions=["view"]))
    def look_at_figures(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002
        return HttpResponseRedirect(reverse("admin:labeling_labelerhabits_figures"))

    def figures_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = list(LabelerHabits.objects.select_related("labeler__user").order_by("labeler__user__username"))
        rows = [row for row in rows if row.labeler.simulated == bool(request.GET.get("simulated"))]
        tables = [marked_table(rows), place_table(rows), length_table(rows), pace_table(rows)]
        by_key = {table.key: table for table in tables}
        if (wanted := request.GET.get("csv")) in by_key:
            return csv_of(by_key[wanted])
        query = request.GET.copy()
        query.pop("csv", None)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Labelers’ habits"),
            "opts": self.opts,
            "query": query.urlencode(),
            "tables": tables,
            "measured_at": max((row.measured_at for row in rows), default=None),
            "rate": f"{FALSE_DISCOVERIES:.0%}",
            "fewest": FEWEST_TASKS,
        }
        return TemplateResponse(request, "quality/admin/habits_of_all.html", context)
