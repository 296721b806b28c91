"""The ledger as one list that can be searched, and the correction of an entry."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_choice, by_relation
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.refusals import PayRefused
from labeling.base.states import PayEntryKind, PayPeriodState
from labeling.pay.forms import AmountForm
from labeling.pay.models import PayEntry, PayPeriod
from labeling.pay.services import enter
from labeling.pay.views.words import hours_and_minutes, money, pieces_in_words

REASON = shown("reason", lazy("Reason"))


@admin.register(PayEntry)
class PayEntryAdmin(RecordAdmin):
    list_display = (
        "number", shown("period", lazy("Pay period")), shown("labeler", lazy("Labeler")),
        shown("campaign", lazy("Campaign")), shown("kind", lazy("Kind")), "time", "what_amount",
        REASON,
    )  # fmt: skip
    list_filter = (*by_choice("kind"), *by_relation("period", "campaign"))
    list_select_related = ("period", "labeler__user", "campaign")
    search_fields = ("labeler__user__username", "reason")
    search_help_text = lazy("A labeler's name or a reason")
    list_per_page = 50
    fields = (
        "period", "labeler", "campaign", "kind", "terms", "time", "what_pieces", "what_amount", REASON, "corrects",
        "made_by", "made_at",
    )  # fmt: skip
    readonly_fields = ("time", "what_pieces", "what_amount", REASON)
    actions_detail = ("correct",)

    def buttons_for(self, row: PayEntry) -> Iterable[str]:  # noqa: ARG002
        return self.actions_detail

    @column("#", ordering="pk")
    def number(self, entry: PayEntry) -> str:
        return f"#{entry.pk}"

    @column(lazy("Active time"), ordering="seconds")
    def time(self, entry: PayEntry) -> str:
        return hours_and_minutes(entry.seconds) if entry.seconds else ""

    @column(lazy("Pieces of work"))
    def what_pieces(self, entry: PayEntry) -> str:
        return pieces_in_words(entry.pieces)

    @column(lazy("Amount"), ordering="amount")
    def what_amount(self, entry: PayEntry) -> str:
        return money(entry.amount, entry.currency)

    @button(lazy("Correct"), icon="edit_note")
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        entry = self.find(request, object_id)
        period = period_for_corrections(entry)

        def act(cleaned: dict[str, Any]) -> str:
            if period is None:
                raise PayRefused(_("No period is open in which it could be corrected. Open one first."))
            by = request.user
            assert isinstance(by, User)  # who may press it
            made = enter(
                period=period,
                labeler=entry.labeler,
                kind=PayEntryKind.CORRECTION,
                currency=entry.currency,
                by=by,
                corrects=entry,
                **cleaned,
            )
            return _("%(amount)s for %(labeler)s is entered.") % {
                "amount": money(made.amount, made.currency),
                "labeler": made.labeler,
            }

        where = (
            _("The correction is entered into %(period)s.") % {"period": period}
            if period
            else _("No period is open in which it could be corrected. Open one first.")
        )
        confirmation = Confirmation(
            title=_("Correct entry %(number)d of %(labeler)s, %(amount)s?")
            % {"number": entry.pk, "labeler": entry.labeler, "amount": money(entry.amount, entry.currency)},
            consequences=[_("The entry stays as it is; enter the difference."), where],
            button=_("Enter"),
            back=self.page_of(entry),
            about=[entry],
            form=AmountForm,
        )
        return confirm(self, request, confirmation, act)


def period_for_corrections(entry: PayEntry) -> PayPeriod | None:
    """The entry's own period while it is not paid, then the first later one that isn't."""
    unpaid = PayPeriod.objects.exclude(state=PayPeriodState.PAID)
    return unpaid.filter(begins_at__gte=entry.period.begins_at).order_by("begins_at").first()
