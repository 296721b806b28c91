"""What a comparison costs: what rankings earned by the terms of pay, over the pairs that they put in an order."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from labeling.base.states import AssignmentKind
from labeling.console.models import DailyWork
from labeling.pay.queries.terms import in_force, rates_of, terms_by_campaign
from labeling.pay.rules.earnings import earned


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of rankings by people in one campaign, on days that are over. Without bonuses, which are paid over a period."""

    campaign: int
    currency: str
    amount: Decimal
    comparisons: int

    @property
    def per_comparison(self) -> Decimal | None:
        return self.amount / self.comparisons if self.comparisons else None


def costs(*, campaigns: Collection[int], days: int) -> list[Cost]:
    """By campaign and currency; days for which a campaign had no terms of pay are left out."""
    today = timezone.localdate()
    terms = terms_by_campaign(until=today)
    done = DailyWork.objects.filter(
        kind=AssignmentKind.RANKING, simulated=False, campaign__in=campaigns, day__gt=today - timedelta(days=days)
    )
    amounts: defaultdict[tuple[int, str], Decimal] = defaultdict(Decimal)
    comparisons: defaultdict[tuple[int, str], int] = defaultdict(int)
    per_day = (
        done.order_by()
        .values("day", "campaign")
        .annotate(pieces=Sum("count"), seconds=Sum("active_seconds"), pairs=Sum("comparisons"))
    )
    for row in per_day:
        if paid := in_force(terms.get(row["campaign"], []), row["day"]):
            key = row["campaign"], paid.currency
            pieces = {AssignmentKind.RANKING.value: row["pieces"]}
            amounts[key] += earned(rates_of(paid), seconds=round(row["seconds"]), pieces=pieces)
            comparisons[key] += row["pairs"]
    return [
        Cost(campaign=campaign, currency=currency, amount=amount, comparisons=comparisons[campaign, currency])
        for (campaign, currency), amount in sorted(amounts.items())
    ]
