"""Labelers' habits: who differs from the others by more than chance, and in what."""

import math
from collections.abc import Callable, Iterable
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise
from unfold.decorators import action

from labeling.base.admin.filters import DropdownFilter
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, column, shown
from labeling.base.admin.tables import Bar, Cell, Row, Table, csv_of
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.people.models import Labeler
from labeling.quality.bias.models import FindingFigure, LabelerHabits, ShareFigure
from labeling.quality.bias.rules.outliers import FALSE_DISCOVERIES, FEWEST_TASKS, Habit

SCALE = ("0%", "50%", "100%")
HABITS: dict[str, StrOrPromise] = {
    Habit.DISAGREES: lazy("orders pairs otherwise than the rest"),
    Habit.PLACE: lazy("goes by the place where it is shown"),
    Habit.SHOWN_ORDER: lazy("hands in the order shown"),
    Habit.LENGTH: lazy("goes by length"),
    Habit.COPIES: lazy("hands in what somebody had handed in before"),
    Habit.FAST: lazy("needs much less time than others"),
}


def why(finding: FindingFigure) -> str:
    """What was seen, in numbers."""
    words = {
        Habit.DISAGREES: _("agrees with others on %(value)s of pairs; the middle of all is %(centre)s"),
        Habit.PLACE: _("prefers what is shown earlier %(beyond)s more often than others’ rankings explain"),
        Habit.SHOWN_ORDER: _("hands in just the order shown %(value)s more often than by chance"),
        Habit.LENGTH: _("against others, for the longer one %(value)s more often; the middle of all is %(centre)s"),
        Habit.COPIES: _("%(value)s of rankings are just those of somebody before; the middle of all is %(centre)s"),
        Habit.FAST: _("needs %(value)s of the usual time; the middle of all is %(centre)s"),
    }  # fmt: skip
    habit = Habit(finding["habit"])
    shown_as: Callable[[float], float] = math.exp if habit == Habit.FAST else float
    return words[habit] % {
        "value": f"{shown_as(finding['value']):.1%}",
        "centre": f"{shown_as(finding['centre']):.1%}",
        "beyond": f"{finding['value'] - finding['centre']:.1%}",
    }


class MarkedFilter(DropdownFilter):
    """Labelers who differ from the others."""

    title = lazy("marked")
    parameter_name = "marked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", lazy("for any habit")), *HABITS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        path_to = "outlier" if queryset.model is LabelerHabits else "habits__outlier"
        if self.value() == "yes":
            return queryset.filter(**{f"{path_to}__len__gt": 0})
        return queryset.filter(**{f"{path_to}__contains": [self.value()]}) if self.value() else queryset


class MarkedLabelers(BaseAdmin):
    """Marks labelers who differ from the others by more than chance, in the list and on their page."""

    @column(lazy("Marked"))
    def marked(self, labeler: Labeler) -> str:
        habits = getattr(labeler, "habits", None)
        return marks_in_words(habits.outlier) if habits else "–"

    def page_context(self, request: HttpRequest, labeler: Any) -> dict[str, Any]:
        return super().page_context(request, labeler) | {"habits": _seen(getattr(labeler, "habits", None))}


def marks_in_words(outlier: Iterable[str]) -> str:
    return "; ".join(str(HABITS[habit]) for habit in outlier) or "–"


def _seen(habits: LabelerHabits | None) -> list[tuple[StrOrPromise, str, FindingFigure]]:
    """(habit, what was seen, figures), the least likely first."""
    return [(HABITS[each["habit"]], why(each), each) for each in habits.findings] if habits else []


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
        return super().page_context(request, habits) | {"habits": _seen(habits), "habit_tables": [ties_table(habits)]}

    @column(lazy("Marked"))
    def marked(self, habits: LabelerHabits) -> str:
        return marks_in_words(habits.outlier)

    @column(lazy("First shown is best"))
    def first(self, habits: LabelerHabits) -> str:
        return _percent(habits.first_is_best)

    @column(lazy("Longer is better"))
    def longer(self, habits: LabelerHabits) -> str:
        return _percent(habits.longer_wins)

    @column(lazy("Time"), ordering="pace")
    def pace_in_words(self, habits: LabelerHabits) -> str:
        return _times(habits.pace)

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


def _link(habits: LabelerHabits) -> Cell:
    return Cell(text=str(habits.labeler), link=reverse("admin:labeling_labelerhabits_change", args=[habits.labeler_id]))


def marked_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="marked",
        wordy=True,
        empty=_("Nobody is marked."),
        title=_("Marked"),
        columns=[_("Labeler"), _("Habit"), _("What was seen"), _("Tasks"), _("By chance"), _("Since")],
        rows=[
            Row(
                cells=[
                    _link(row),
                    Cell(text=HABITS[finding["habit"]], value=finding["habit"], colour="warning"),
                    Cell(text=why(finding), value=finding["value"]),
                    Cell(text=f"{finding['tasks']:,}", value=finding["tasks"]),
                    Cell(text=f"{finding['chance']:.1g}", value=finding["chance"]),
                    Cell(text=date_format(row.outlier_since) if row.outlier_since else "–"),
                ]
            )
            for row in rows
            for finding in row.findings
            if finding["is_outlier"]
        ],
    )


def place_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="place",
        title=_("By the place where it is shown"),
        columns=[_("Labeler"), _("Rankings"), _("First shown is best"), _("95% interval"), _("By chance")],
        rows=[
            Row(
                cells=[
                    _link(row),
                    Cell(text=f"{row.rankings:,}", value=row.rankings),
                    *_share_cells(row.first_is_best),
                    Cell(text=f"{row.first_by_chance:.1%}" if row.first_by_chance else "–", value=row.first_by_chance),
                ],
                bar=_bar(row.first_is_best),
            )
            for row in rows
        ],
        note=_(
            "How often the completion that was shown first is ranked first; where several are, each counts in part. "
            "The order shown is drawn for each ranking, so that by chance it is one over the number of completions."
        ),
        scale=SCALE,
    )


def length_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="length",
        title=_("By length"),
        columns=[
            _("Labeler"), _("Longer is better"), _("95% interval"), _("Agreement"), _("With lengths balanced"),
        ],
        rows=[
            Row(
                cells=[
                    _link(row),
                    *_share_cells(row.longer_wins),
                    Cell(text=_percent(row.agreement), value=row.agreement["value"] if row.agreement else None),
                    Cell(
                        text=_of(row.agreement_lengths_balanced, "{:.1%}"), value=row.agreement_lengths_balanced
                    ),
                ],
                bar=_bar(row.longer_wins),
            )
            for row in rows
        ],
        note=_(
            "Longer answers are often better, for everybody. With lengths balanced, agreement counts alike where "
            "others prefer the longer and where they prefer the shorter one: by length alone, it is 50% there."
        ),
        scale=SCALE,
    )  # fmt: skip


def pace_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="pace",
        title=_("Time"),
        columns=[_("Labeler"), _("Over what is usual"), _("Lately, over their own before")],
        rows=[
            Row(
                cells=[
                    _link(row),
                    Cell(text=_times(row.pace), value=row.pace),
                    Cell(text=_times(row.pace_lately), value=row.pace_lately),
                ]
            )
            for row in rows
        ],
        note=_("Usual is the median of the campaign for the same number of completions."),
    )


def ties_table(habits: LabelerHabits) -> Table:
    return Table(
        key="",
        title=_("Ties by place"),
        columns=[_("Place"), _("Tied pairs")],
        rows=[
            Row(cells=[Cell(text=str(place)), Cell(text=f"{rate:.1%}", value=rate)])
            for place, rate in enumerate(habits.ties_by_place, start=1)
            if rate is not None
        ],
        note=_("Of the pairs with what was shown at that place, the share that is tied."),
    )


def _share_cells(share: ShareFigure | None) -> list[Cell]:
    return [
        Cell(text=_percent(share), value=share["value"] if share else None, strong=share is not None),
        Cell(text=f"{share['low']:.1%} – {share['high']:.1%}" if share else ""),
    ]


def _percent(share: ShareFigure | None) -> str:
    return f"{share['value']:.1%}" if share else _("not enough data")


def _of(value: float | None, form: str) -> str:
    return form.format(value) if value is not None else _("not enough data")


def _times(value: float | None) -> str:
    return f"× {value:.2f}" if value is not None else _("not enough data")


def _bar(share: ShareFigure | None) -> Bar | None:
    if share is None:
        return None
    low, value, high = (round(100 * share[name], 1) for name in ("low", "value", "high"))
    return Bar(left=low, middle=value, width=round(high - low, 1))
