"""Pay periods: opened, looked at while they go on, frozen, paid, and downloaded as CSV."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_choice
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.csv_tables import csv_response
from labeling.base.states import PayEntryKind, PayPeriodState
from labeling.pay.forms import EntryForm, PaidForm, PeriodForm
from labeling.pay.models import PayEntry, PayPeriod
from labeling.pay.queries.ledger import amounts_of, entries_of, summaries, unpaid_work
from labeling.pay.queries.table import HEADER, rows
from labeling.pay.services import TIME_COMES_LATE, enter, freeze_period, mark_paid, open_period
from labeling.pay.views.words import all_money, hours_and_minutes, money, pieces_in_words, terms_in_words

BUTTONS = {
    PayPeriodState.OPEN: ("freeze", "enter", "download"),
    PayPeriodState.FROZEN: ("pay", "enter", "download"),
    PayPeriodState.PAID: ("download",),
}


@admin.register(PayPeriod)
class PayPeriodAdmin(RecordAdmin):
    list_display = (
        "name", "show_state", shown("time_zone", lazy("Time zone")), shown("frozen_at", lazy("Frozen")),
        shown("paid_at", lazy("Paid")),
    )  # fmt: skip
    list_filter = by_choice("state")
    actions_list = ("open",)
    actions_detail = ("freeze", "pay", "enter", "download")
    change_form_outer_before_template = "pay/admin/period.html"
    fields = (
        "first_day", "last_day", "time_zone", "begins_at", "ends_at", "state", "frozen_by", "frozen_at", "paid_by",
        "paid_at", "note",
    )  # fmt: skip

    def page_context(self, request: HttpRequest, period: PayPeriod) -> dict[str, Any]:
        entries = entries_of(period)
        people = [
            {
                "labeler": each.labeler,
                "time": hours_and_minutes(each.seconds),
                "pieces": each.pieces,
                "money": all_money(each.amounts),
                "entries": [(entry, _in_words(entry), money(entry.amount, entry.currency)) for entry in each.entries],
            }
            for each in summaries(entries)
        ]
        unpaid = unpaid_work(period) if period.state == PayPeriodState.OPEN else []
        return super().page_context(request, period) | {
            "period": period,
            "state_colour": STATE_COLOURS[period.state],
            "people": people,
            "total": all_money(amounts_of(entries)),
            "unpaid": [(each, hours_and_minutes(each.seconds)) for each in unpaid],
        }

    def buttons_for(self, row: PayPeriod) -> Iterable[str]:
        offered = BUTTONS[PayPeriodState(row.state)]
        over = timezone.now() >= row.ends_at + TIME_COMES_LATE
        return [name for name in offered if over or name != "freeze"]

    @column(lazy("Pay period"), ordering="begins_at")
    def name(self, period: PayPeriod) -> str:
        return str(period)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, period: PayPeriod) -> tuple[str, str]:
        return state_label(period)

    @button(lazy("Open a period"), icon="event", primary=True)
    def open(self, request: HttpRequest) -> HttpResponse:
        def act(cleaned: dict[str, Any]) -> str:
            period = open_period(**cleaned)
            self.log_addition(request, period, [{"added": {}}])
            return _("The period %(period)s is open.") % {"period": period}

        confirmation = Confirmation(
            title=_("Open a pay period"),
            consequences=[
                _("It shows what everybody earns in these days, counted anew each time, until you freeze it. Periods "
                  "share no day; where the clocks change, the day is as long as they make it."),
            ],
            button=_("Open it"),
            back=reverse("admin:labeling_payperiod_changelist"),
            form=PeriodForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    @button(lazy("Freeze"), icon="ac_unit", primary=True)
    def freeze(self, request: HttpRequest, object_id: str) -> HttpResponse:
        period = self.find(request, object_id)
        unpaid = [each.campaign.name for each in unpaid_work(period)]

        def act(_cleaned: dict[str, Any]) -> str:
            count = freeze_period(period=period, by=request.user)  # type: ignore[arg-type]  # staff
            made = ngettext("%(n)d entry is made.", "%(n)d entries are made.", count) % {"n": count}
            return _("The period %(period)s is frozen.") % {"period": period} + " " + made

        consequences = [
            _("What everybody worked is entered into the ledger, by the terms of each campaign. Entries never change: "
              "what is wrong is set right by a correction, a further entry."),
        ]  # fmt: skip
        if unpaid:
            consequences.append(
                _("Work in these campaigns is paid nothing, for they have no terms of pay on its day: %(campaigns)s.")
                % {"campaigns": ", ".join(unpaid)}
            )
        confirmation = Confirmation(
            title=_("Freeze the period %(period)s?") % {"period": period},
            consequences=consequences,
            button=_("Freeze"),
            back=self.page_of(period),
            about=[period],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Mark as paid"), icon="price_check", primary=True)
    def pay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        period = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            mark_paid(period=period, by=request.user, note=cleaned["note"])  # type: ignore[arg-type]
            return _("The period %(period)s is paid.") % {"period": period}

        confirmation = Confirmation(
            title=_("Has the period %(period)s been paid?") % {"period": period},
            consequences=[
                _("%(total)s in all. Nothing can be entered into it after that, and this can't be taken back.")
                % {"total": all_money(amounts_of(entries_of(period)))},
            ],
            button=_("Mark as paid"),
            back=self.page_of(period),
            about=[period],
            form=PaidForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Bonus or correction"), icon="add_card")
    def enter(self, request: HttpRequest, object_id: str) -> HttpResponse:
        period = self.find(request, object_id)

        def act(cleaned: dict[str, Any]) -> str:
            kind = PayEntryKind(cleaned.pop("kind"))
            entry = enter(period=period, by=request.user, kind=kind, **cleaned)  # type: ignore[arg-type]
            return _("%(amount)s for %(labeler)s is entered.") % {
                "amount": money(entry.amount, entry.currency),
                "labeler": entry.labeler,
            }

        confirmation = Confirmation(
            title=_("Enter a bonus or a correction into %(period)s") % {"period": period},
            consequences=[_("An entry never changes and is never deleted; a wrong one is corrected by another.")],
            button=_("Enter"),
            back=self.page_of(period),
            about=[period],
            form=EntryForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("CSV"), icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        period = self.find(request, object_id)
        name = f"pay-{period.first_day:%Y-%m-%d}-{period.last_day:%Y-%m-%d}-{period.state}.csv"
        return csv_response(name, HEADER, rows(entries_of(period)))


def _in_words(entry: PayEntry) -> str:
    """What an entry is for, in one line."""
    kind = str(entry.get_kind_display())
    if entry.terms is None:
        return _("%(name)s: %(value)s") % {"name": kind, "value": entry.reason}
    if entry.kind == PayEntryKind.BONUS:
        return f"{entry.campaign}, {kind}"
    parts = [hours_and_minutes(entry.seconds), pieces_in_words(entry.pieces), terms_in_words(entry.terms)]
    return f"{entry.campaign}: " + " · ".join(part for part in parts if part)
