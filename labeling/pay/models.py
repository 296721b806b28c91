from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.contrib.postgres.fields.ranges import DateTimeRangeField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import AssignmentKind, CompositionKind, PayEntryKind, PayPeriodState
from labeling.campaigns.models.campaigns import Campaign
from labeling.people.models import Labeler

CURRENCY = "^[A-Z]{3}$"
CURRENCY_VALIDATORS = [RegexValidator(CURRENCY, _("Three capital letters, such as USD or CNY."))]
HIGHEST_BONUS = 200


def _rate(help_text: StrPromise) -> models.DecimalField[Any, Any]:
    return models.DecimalField(
        max_digits=10, decimal_places=4, default=0, validators=[MinValueValidator(0)], help_text=help_text
    )


class PayTerms(models.Model):
    """What a campaign pays for work of the days from `begins_on` on, until other terms begin. Rows never change.

    Of terms that begin on the same day the last ones count.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="pay_terms")
    begins_on = models.DateField(help_text=_("The first day that is paid by these terms."))
    currency = models.CharField(max_length=3, validators=CURRENCY_VALIDATORS, help_text=_("Such as USD or CNY."))
    per_hour = _rate(_("For an hour of active time, by the second."))
    per_ranking = _rate(_("For each ranking that is handed in; a revision is no second one."))
    per_demonstration = _rate(_("For each demonstration."))
    per_dialogue = _rate(_("For each dialogue."))
    per_chat = _rate(_("For each chat; the ranking after it is a ranking."))
    per_own_prompt = _rate(_("For each prompt of their own."))
    per_edit = _rate(_("For each improved completion."))
    bonus_percent = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(HIGHEST_BONUS)],
        help_text=_("Of what these terms pay in a period, on top of it. 0: no bonus."),
    )
    bonus_from = models.PositiveIntegerField(
        default=0, help_text=_("How many pieces of work somebody has to hand in within the period to get the bonus.")
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("terms of pay")
        verbose_name_plural = _("terms of pay")
        ordering = ["campaign", "-begins_on", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="pay_terms_currency"),
            models.CheckConstraint(
                condition=Q(
                    per_hour__gte=0, per_ranking__gte=0, per_demonstration__gte=0, per_dialogue__gte=0,
                    per_chat__gte=0, per_own_prompt__gte=0, per_edit__gte=0, bonus_percent__lte=HIGHEST_BONUS,
                ),
                name="pay_terms_not_negative",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.campaign}, {self.begins_on:%Y-%m-%d}"


PAID_KINDS = (*AssignmentKind, *CompositionKind)
"""The kinds of work that PayTerms has a rate for, in its column `per_` and the kind."""


class PayPeriod(StatefulModel):
    """The days that are paid together, in one time zone. No moment is in two periods."""

    first_day = models.DateField()
    last_day = models.DateField()
    time_zone = models.CharField(max_length=64, default="UTC", help_text=_("Where its days begin and end."))
    begins_at = models.DateTimeField(editable=False)
    ends_at = models.DateTimeField(editable=False, help_text="The midnight after its last day.")
    state = models.CharField(max_length=16, choices=PayPeriodState.choices, default=PayPeriodState.OPEN)
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    frozen_at = models.DateTimeField(null=True, blank=True)
    paid_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True, help_text=_("How it was paid, such as the number of the transfer."))

    class Meta:
        verbose_name = _("pay period")
        verbose_name_plural = _("pay periods")
        ordering = ["-begins_at"]
        constraints = [
            one_of("state", PayPeriodState, name="pay_period_state_known"),
            models.CheckConstraint(
                condition=Q(first_day__lte=F("last_day"), begins_at__lt=F("ends_at")),
                name="pay_period_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(state="open", frozen_at=None, paid_at=None)
                | Q(state="frozen", frozen_at__isnull=False, paid_at=None)
                | Q(state="paid", frozen_at__isnull=False, paid_at__isnull=False),
                name="pay_period_times_match_state",
            ),
            ExclusionConstraint(
                name="pay_periods_do_not_overlap",
                expressions=[
                    (
                        Func(
                            F("begins_at"), F("ends_at"), RangeBoundary(),
                            function="TSTZRANGE", output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    )
                ],
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.first_day:%Y-%m-%d} – {self.last_day:%Y-%m-%d}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class PayEntry(models.Model):
    """One line of the ledger. It never changes and is never deleted; what was wrong is set right by a further entry.

    Work and the bonus for it are entered when the period is frozen; until then they are counted anew each time.
    Corrections and given bonuses are entered by hand, until the period is paid (triggers of migration 0002).
    """

    period = models.ForeignKey(PayPeriod, on_delete=models.PROTECT, related_name="entries")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="pay_entries")
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="pay_entries")
    terms = models.ForeignKey(PayTerms, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=PayEntryKind.choices)
    seconds = models.PositiveIntegerField(default=0, help_text="Of active time.")
    pieces = models.JSONField(default=dict, blank=True, help_text="How many were handed in, by kind of work.")
    currency = models.CharField(max_length=3, validators=CURRENCY_VALIDATORS)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    reason = models.TextField(blank=True)
    corrects = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("pay entry")
        verbose_name_plural = _("pay entries")
        ordering = ["-id"]
        constraints = [
            one_of("kind", PayEntryKind, name="pay_entry_kind_known"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="pay_entry_currency"),
            models.CheckConstraint(
                condition=Q(kind__in=["work", "bonus"], terms__isnull=False, campaign__isnull=False, amount__gte=0)
                | Q(kind__in=["given", "correction"], terms=None, seconds=0, reason__regex=r"\S") & ~Q(amount=0),
                name="pay_entry_kind_has_its_reason",
            ),
            models.CheckConstraint(
                condition=Q(corrects=None) | Q(kind="correction"), name="pay_entry_corrects_as_a_correction"
            ),
            models.UniqueConstraint(
                fields=["period", "labeler", "terms", "kind"], condition=Q(terms__isnull=False),
                name="pay_entry_once_per_terms",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.labeler}, {self.amount} {self.currency}"
