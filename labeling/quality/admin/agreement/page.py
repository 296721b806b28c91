"""The page of agreement: figures, what they are by, and each labeler against the rest. Its filters are its address."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.decorators import action

from labeling.base.admin.filters import by_choice, by_day, by_relation
from labeling.base.admin.model_admins import RecordAdmin, column, shown
from labeling.base.admin.tables import Table, csv_of
from labeling.campaigns.managers.queries import campaigns_of, within_campaigns_of
from labeling.people.roles.queries import sees_every_campaign
from labeling.quality.admin.agreement.charts import by_labeler, over_time
from labeling.quality.admin.agreement.headlines import headlines
from labeling.quality.admin.agreement.tables import PART_NAMES, alpha_table, labelers_table, part_table
from labeling.quality.agreement.forms import CutForm
from labeling.quality.agreement.models import RankingAgreement
from labeling.quality.agreement.queries.cuts import Cut
from labeling.quality.agreement.queries.figures import figures_of, labelers_of, parts_of
from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS
from lm.snapshot.records.constants import FEWEST_PAIRS


@admin.register(RankingAgreement)
class AgreementAdmin(RecordAdmin):
    """The compared rankings one by one; the figures over them are a page of its own."""

    list_display = (
        shown("task", lazy("Task")),
        shown("labeler", lazy("Labeler")),
        "with_whom",
        shown("same", lazy("Same")),
        shown("opposed", lazy("Opposed")),
        "show_tau",
        shown("compared_at", lazy("Compared")),
    )
    list_filter = (*by_choice("partner_kind"), *by_relation("task__campaign"), *by_day("compared_at"))
    list_select_related = ("task", "labeler__user", "partner__user")
    search_fields = ("labeler__user__username", "partner__user__username")
    ordering = ("-compared_at", "-pk")
    list_per_page = 50
    actions_list = ("look_at_figures",)

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.figures_view)
        return [path("figures/", page, name="labeling_rankingagreement_figures"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RankingAgreement]:
        assert request.user.is_authenticated  # the admin lets nobody else in
        return within_campaigns_of(request.user, super().get_queryset(request), "task__campaign")

    @column(lazy("Compared with"))
    def with_whom(self, row: RankingAgreement) -> str:
        return str(row.partner or row.get_partner_kind_display())

    @column(lazy("tau-b"), ordering="tau")
    def show_tau(self, row: RankingAgreement) -> str:
        return "–" if row.tau is None else f"{row.tau:.2f}"

    @cast("Callable[[Any], Any]", action(description=lazy("Figures"), icon="monitoring", permissions=["view"]))
    def look_at_figures(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002
        return HttpResponseRedirect(reverse("admin:labeling_rankingagreement_figures"))

    def figures_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        assert request.user.is_authenticated  # the admin lets nobody else in
        form = CutForm(request.GET, campaigns=campaigns_of(request.user), sees_all=sees_every_campaign(request.user))
        form.is_valid()
        cut = form.cut()
        if wanted := request.GET.get("csv"):
            return csv_of(_table(cut, wanted))
        query = request.GET.copy()
        query.pop("csv", None)
        figures, weeks, labelers = figures_of(cut), parts_of(cut, "week"), labelers_of(cut)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Agreement"),
            "opts": self.opts,
            "form": form,
            "query": query.urlencode(),
            "headlines": headlines(figures),
            "fewest": {"pairs": FEWEST_PAIRS, "prompts": FEWEST_PROMPTS},
            "over_time": over_time(weeks),
            "by_labeler": by_labeler(labelers),
            "tables": [
                labelers_table(labelers),
                part_table("week", weeks),
                *(part_table(by, parts_of(cut, by)) for by in PART_NAMES if by != "week"),
                alpha_table(figures),
            ],
        }
        return TemplateResponse(request, "quality/admin/agreement.html", context)


def _table(cut: Cut, key: str) -> Table:
    """The table of that key. Raises Http404."""
    makers: dict[str, Callable[[], Table]] = {
        "labelers": lambda: labelers_table(labelers_of(cut)),
        "alpha": lambda: alpha_table(figures_of(cut)),
    }
    if key in PART_NAMES:
        return part_table(key, parts_of(cut, key))
    if key not in makers:
        raise Http404
    return makers[key]()
