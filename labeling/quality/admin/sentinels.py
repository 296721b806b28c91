"""Sentinels, whose rate says whether labeling drifts, and demonstrations near a text that a model wrote."""

from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.charts import LineChart, line_chart
from labeling.base.admin.columns import excerpt
from labeling.base.admin.fields import choice
from labeling.base.admin.filters import by_day
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, column, shown
from labeling.base.admin.tables import Cell, Row, Table, csv_of
from labeling.campaigns.managers.queries import campaigns_of, within_campaigns_of
from labeling.people.roles.queries import sees_every_campaign
from labeling.quality.bias.models import NearCopyFound, Sentinel
from labeling.quality.bias.queries.sentinels import alarm_of, at_equal_length, sources, weeks_of
from labeling.quality.bias.rules.sentinel import FALSE_ALARMS, FEWEST, Look


@admin.register(Sentinel)
class SentinelAdmin(BaseAdmin):
    list_display = ("name", shown("campaign", lazy("Campaign")), "rate", "stands")
    list_select_related = ("campaign",)
    search_fields = ("name",)
    fields = ("name", "campaign", "first_source", "second_source")
    change_form_outer_before_template = "quality/admin/sentinel.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sentinel]:
        assert request.user.is_authenticated  # the admin lets nobody else in
        return within_campaigns_of(request.user, super().get_queryset(request), "campaign")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Sources are chosen from those that there are; managers choose among their campaigns."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in {"first_source", "second_source"}:
            return choice(field.label, sources, help_text=field.help_text)
        if db_field.name == "campaign":
            assert request.user.is_authenticated
            field.label = lazy("Campaign")
            field.queryset = campaigns_of(request.user)
            field.required = not sees_every_campaign(request.user)
        return field

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET" and request.GET.get("csv") == "weeks" and self.has_view_permission(request):
            return csv_of(weeks_table(weeks_of(self.find(request, object_id))))
        return super().change_view(request, object_id, form_url, extra_context)

    def page_context(self, request: HttpRequest, sentinel: Sentinel) -> dict[str, Any]:
        weeks = weeks_of(sentinel)
        return super().page_context(request, sentinel) | {
            "chart": over_time(weeks),
            "table": weeks_table(weeks),
            **_at_equal_length(sentinel),
            "alarm": alarm_of(weeks) is not None,
            "false_alarms": f"{FALSE_ALARMS:.0%}",
            "fewest": FEWEST,
            "sentinel": sentinel,
        }

    @column(lazy("Last week"))
    def rate(self, sentinel: Sentinel) -> str:
        weeks = _looked(sentinel)
        return _rate(weeks[-1].period.preferred, weeks[-1].period.pairs) if weeks else _("not enough data")

    @column(lazy("State"), label={"alarm": "danger", "steady": "success", "unknown": "default"})
    def stands(self, sentinel: Sentinel) -> tuple[str, str]:
        weeks = _looked(sentinel)
        if all(look.chance is None for look in weeks):
            return "unknown", _("not enough data")
        return ("alarm", _("moved")) if alarm_of(weeks) else ("steady", _("as before"))


def _at_equal_length(sentinel: Sentinel) -> dict[str, str]:
    """What the page says of the rate without the lengths; nothing without enough data."""
    found = at_equal_length(sentinel)
    if found is None:
        return {}
    shares = {"plain": found.plain, "equal": found.at_equal_length, "low": found.low, "high": found.high}
    return {name: f"{share:.1%}" for name, share in shares.items()}


def _looked(sentinel: Sentinel) -> list[Look]:
    """The weeks of a row of the list, for all of its columns."""
    weeks: list[Look] | None = getattr(sentinel, "looked", None)
    if weeks is None:
        weeks = weeks_of(sentinel)
        vars(sentinel)["looked"] = weeks
    return weeks


def _rate(preferred: int, pairs: int) -> str:
    return f"{preferred / pairs:.1%}"


def _chance(look: Look) -> str:
    if look.chance is not None:
        return f"{look.chance:.2g}"
    return _("not enough data") if look.period.whole else _("not over yet")


def weeks_table(weeks: list[Look]) -> Table:
    return Table(
        key="weeks",
        title=_("By week"),
        columns=[_("Week"), _("Pairs"), _("First preferred"), _("Before"), _("By chance"), _("State")],
        rows=[
            Row(
                cells=[
                    Cell(text=date_format(date.fromisoformat(look.period.name)), value=look.period.name),
                    Cell(text=f"{look.period.pairs:,}", value=look.period.pairs),
                    Cell(
                        text=_rate(look.period.preferred, look.period.pairs),
                        value=look.period.preferred / look.period.pairs,
                        strong=True,
                    ),
                    Cell(text="–" if look.expected is None else f"{look.expected:.1%}", value=look.expected),
                    Cell(text=_chance(look), value=look.chance),
                    Cell(text=_("moved") if look.is_alarm else "", colour="warning" if look.is_alarm else ""),
                ]
            )
            for look in weeks
        ],
    )


def over_time(weeks: list[Look]) -> LineChart | None:
    """The weekly rate; None while there are fewer than two weeks."""
    if len(weeks) < 2:
        return None
    days = [date.fromisoformat(look.period.name) for look in weeks]
    places = [(day - days[0]).days / 7 for day in days]
    step = -(-len(days) // 6)
    return line_chart(
        {"train": [(x, look.period.preferred / look.period.pairs) for x, look in zip(places, weeks, strict=True)]},
        x_max=places[-1],
        x_ticks=[(x, date_format(day, "j M")) for x, day in list(zip(places, days, strict=True))[::step]],
        percent=True,
    )


@admin.register(NearCopyFound)
class NearCopyAdmin(RecordAdmin):
    list_display = ("opening", "author", "show_likeness", "source", shown("found_at", lazy("Found")))
    list_filter = by_day("found_at")
    list_select_related = ("demonstration__labeler__user", "demonstration__prompt")
    search_fields = ("demonstration__labeler__user__username",)
    fields = ("demonstration", "likeness", "source", "found_at", "written", "known_text")
    readonly_fields = ("written",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[NearCopyFound]:
        assert request.user.is_authenticated  # the admin lets nobody else in
        return within_campaigns_of(request.user, super().get_queryset(request), "demonstration__prompt__campaign")

    @column(lazy("Demonstration"))
    def opening(self, found: NearCopyFound) -> str:
        return excerpt(found.demonstration.text, language=found.demonstration.prompt.language)

    @column(lazy("Labeler"))
    def author(self, found: NearCopyFound) -> str:
        return str(found.demonstration.labeler or "–")

    @column(lazy("Likeness"), ordering="likeness")
    def show_likeness(self, found: NearCopyFound) -> str:
        return f"{found.likeness:.0f} %"

    @column(lazy("What was written"))
    def written(self, found: NearCopyFound) -> str:
        return found.demonstration.text
