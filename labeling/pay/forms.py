"""What admins enter about pay."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from labeling.base.admin.fields import choice, long_text
from labeling.base.states import PayEntryKind
from labeling.base.time_zones import named_time_zones
from labeling.pay.models import CURRENCY_VALIDATORS, PayTerms
from labeling.people.models import Labeler


def _day(label: Any, *, help_text: Any = "", initial: Any = None) -> forms.DateField:
    widget = UnfoldAdminTextInputWidget(attrs={"type": "date"})
    return forms.DateField(label=label, help_text=help_text, initial=initial, widget=widget)


class CurrencyField(forms.CharField):
    """A currency's code, in whatever case it was typed."""

    default_validators = [*CURRENCY_VALIDATORS]

    def __init__(self, **options: object) -> None:
        help_text = _("Three capital letters, such as USD or CNY.")
        super().__init__(max_length=3, help_text=help_text, widget=UnfoldAdminTextInputWidget(), **options)  # type: ignore[arg-type]

    def to_python(self, value: object) -> str:
        return str(super().to_python(value)).upper()


TERMS_LABELS = {
    "begins_on": _("From this day on"),
    "currency": _("Currency"),
    "per_hour": _("An hour"),
    "per_ranking": _("A ranking"),
    "per_demonstration": _("A demonstration"),
    "per_dialogue": _("A dialogue"),
    "per_chat": _("A chat"),
    "per_own_prompt": _("An own prompt"),
    "per_edit": _("An improved completion"),
    "bonus_percent": _("Bonus, in percent"),
    "bonus_from": _("Bonus from so many pieces of work on"),
}


class TermsForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    begins_on = _day(TERMS_LABELS["begins_on"], help_text=_("The first day that is paid by these terms."))
    currency = CurrencyField(label=TERMS_LABELS["currency"])

    class Meta:
        model = PayTerms
        fields = tuple(TERMS_LABELS)
        labels = TERMS_LABELS
        widgets = {
            **dict.fromkeys(
                (name for name in TERMS_LABELS if name.startswith("per_")),
                UnfoldAdminDecimalFieldWidget(attrs={"step": "0.0001", "min": "0"}),
            ),
            **dict.fromkeys(("bonus_percent", "bonus_from"), UnfoldAdminIntegerFieldWidget()),
        }


def _time_zones() -> list[tuple[str, str]]:
    return [("UTC", "UTC"), *named_time_zones()]


class PeriodForm(forms.Form):
    first_day = _day(_("First day"))
    last_day = _day(_("Last day"))
    time_zone = choice(
        _("Time zone"), _time_zones, initial="UTC", help_text=_("Where its days begin and end, for everybody.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if isinstance(first, date) and isinstance(last, date) and last < first:
            self.add_error("last_day", _("The last day is before the first one."))
        return cleaned


class PaidForm(forms.Form):
    note = long_text(
        _("Note"), required=False, rows=2, help_text=_("How it was paid, such as the number of the transfer.")
    )


def labelers() -> list[tuple[str, str]]:
    people = Labeler.objects.filter(simulated=False).select_related("user").order_by("user__username")
    return [("", "–"), *((str(labeler.pk), f"{labeler} ({labeler.pseudonym})") for labeler in people)]


class AmountForm(forms.Form):
    """Of a correction of one entry: whose, and in which currency, is known."""

    amount = forms.DecimalField(
        label=_("Amount"),
        max_digits=12,
        decimal_places=2,
        help_text=_("A correction may be negative."),
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "0.01"}),
    )
    reason = long_text(_("Reason"), rows=2, help_text=_("The labeler reads it."))


class EntryForm(AmountForm):
    field_order = ("labeler", "kind", "amount", "currency", "reason")
    labeler = choice(_("Labeler"), labelers)
    kind = choice(_("Kind"), [(kind.value, kind.label) for kind in (PayEntryKind.GIVEN, PayEntryKind.CORRECTION)])
    currency = CurrencyField(label=_("Currency"))

    def clean_labeler(self) -> Labeler:
        return Labeler.objects.get(pk=self.cleaned_data["labeler"])
