"""Terms of pay, and the ledger: periods are opened, frozen and paid; corrections are entered."""

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import available_timezones

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.base.refusals import PayRefused
from labeling.base.states import PayEntryKind, PayPeriodState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.rules.working_time import LONGEST_TASK_SECONDS
from labeling.pay.models import PayEntry, PayPeriod, PayTerms
from labeling.pay.queries.ledger import counted_entries
from labeling.pay.rules.periods import LONGEST_DAYS, beginning_of, end_of
from labeling.people.models import Labeler

TIME_COMES_LATE = timedelta(seconds=LONGEST_TASK_SECONDS)
"""A page may report time that was worked so long ago (labeling/desk/services/working_time.py)."""


@transaction.atomic
def set_pay_terms(*, campaign: Campaign, by: User | None, **terms: object) -> PayTerms:
    """What the campaign pays from a day on. Periods that are frozen stay as they are.

    Raises PayRefused: the day is in a period that is frozen or paid, or a number is none.
    """
    new = PayTerms(campaign=campaign, made_by=by, **terms)
    try:
        new.full_clean()
    except ValidationError as wrong:
        raise PayRefused(" ".join(wrong.messages)) from wrong
    closed = PayPeriod.objects.exclude(state=PayPeriodState.OPEN).filter(last_day__gte=new.begins_on)
    if period := closed.order_by("-last_day").first():
        raise PayRefused(
            f"The period {period} is {period.state}: terms that begin on {new.begins_on} would change nothing in it. "
            f"Begin them after {period.last_day}, and correct what was paid by entries."
        )
    new.save()
    return new


@transaction.atomic
def open_period(*, first_day: date, last_day: date, time_zone: str = "UTC") -> PayPeriod:
    """Raises PayRefused: it ends before it begins, is longer than a year, or shares a moment with another one."""
    if time_zone not in available_timezones():
        raise PayRefused(f"“{time_zone}” is no time zone such as Asia/Shanghai.")
    if last_day < first_day:
        raise PayRefused("The last day is before the first one.")
    if (last_day - first_day).days >= LONGEST_DAYS:
        raise PayRefused(f"A period is at most {LONGEST_DAYS} days long.")
    period = PayPeriod(first_day=first_day, last_day=last_day, time_zone=time_zone)
    period.begins_at, period.ends_at = beginning_of(first_day, period.zone), end_of(last_day, period.zone)
    if other := PayPeriod.objects.filter(begins_at__lt=period.ends_at, ends_at__gt=period.begins_at).first():
        raise PayRefused(f"The period {other} ({other.time_zone}) shares days with it: nothing is paid twice.")
    try:
        with transaction.atomic():
            period.save()
    except IntegrityError as twice:
        raise PayRefused("Somebody opened a period with the same days in the same moment.") from twice
    return period


@transaction.atomic
def freeze_period(*, period: PayPeriod, by: User | None) -> int:
    """Enters what everybody worked; returns how many entries it made. From then on only corrections are added.

    Raises IllegalMove; PayRefused: the period isn't over, or pages may still report time that was worked in it.
    """
    period = PayPeriod.objects.select_for_update().get(pk=period.pk)
    if timezone.now() < period.ends_at + TIME_COMES_LATE and period.state == PayPeriodState.OPEN:
        moment = (period.ends_at + TIME_COMES_LATE).astimezone(period.zone)
        raise PayRefused(
            f"It can be frozen from {moment:%Y-%m-%d %H:%M} ({period.time_zone}) on: until then pages may report time "
            "that was worked before its end."
        )
    entries = counted_entries(period) if period.state == PayPeriodState.OPEN else []
    for entry in entries:
        entry.made_by = by
    PayEntry.objects.bulk_create(entries, batch_size=500)
    period.move(to=PayPeriodState.FROZEN, frozen_at=timezone.now(), frozen_by=by)
    return len(entries)


@transaction.atomic
def mark_paid(*, period: PayPeriod, by: User | None, note: str = "") -> None:
    """From now on nothing is entered into it. Raises IllegalMove."""
    period = PayPeriod.objects.select_for_update().get(pk=period.pk)
    period.move(to=PayPeriodState.PAID, paid_at=timezone.now(), paid_by=by, note=note.strip())


@transaction.atomic
def enter(
    *,
    period: PayPeriod,
    labeler: Labeler,
    kind: PayEntryKind,
    amount: Decimal,
    currency: str,
    reason: str,
    by: User | None,
    corrects: PayEntry | None = None,
) -> PayEntry:
    """Enters a correction, which may be negative, or a bonus that is given by hand.

    Raises PayRefused: the period was paid, no reason, nothing, a simulated labeler, or what it corrects is another's.
    """
    period = PayPeriod.objects.select_for_update().get(pk=period.pk)
    _check_entry(period=period, labeler=labeler, kind=kind, amount=amount, reason=reason)
    if corrects is not None and (corrects.labeler_id != labeler.pk or corrects.currency != currency):
        raise PayRefused(f"Entry {corrects.pk} is {corrects.labeler}'s, in {corrects.currency}.")
    entry = PayEntry(
        period=period,
        labeler=labeler,
        campaign=corrects.campaign if corrects else None,
        kind=kind,
        amount=amount,
        currency=currency,
        reason=reason.strip(),
        corrects=corrects,
        made_by=by,
    )
    try:
        entry.full_clean()
    except ValidationError as wrong:
        raise PayRefused(" ".join(wrong.messages)) from wrong
    entry.save()
    return entry


def _check_entry(*, period: PayPeriod, labeler: Labeler, kind: PayEntryKind, amount: Decimal, reason: str) -> None:
    if period.state == PayPeriodState.PAID:
        raise PayRefused(f"The period {period} was paid. Enter it into a later period.")
    if kind not in (PayEntryKind.CORRECTION, PayEntryKind.GIVEN):
        raise PayRefused("Work is entered when the period is frozen; by hand only corrections and bonuses are.")
    if labeler.simulated:
        raise PayRefused(f"{labeler} is simulated and earns nothing.")
    if not reason.strip():
        raise PayRefused("Say why, for the labeler and for whoever looks at it later.")
    if amount == 0 or (kind == PayEntryKind.GIVEN and amount < 0):
        raise PayRefused("A bonus is more than nothing; a correction may be negative, and is not nothing either.")
