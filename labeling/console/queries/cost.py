"""What a usable comparison costs: what rankings earned by the terms of pay, over the pairs that they put in an order.

A comparison is usable unless its ranking is left out of training now. What it earned was paid all the same.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import BigIntegerField, Case, Max, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from labeling.base.states import AssignmentKind
from labeling.console.models import DailyWork
from labeling.exports.models import Exclusion
from labeling.pay.models import PayTerms
from labeling.pay.queries.terms import rates_of, terms_by_campaign
from labeling.pay.rules.earnings import bonus, earned

# Pairs of single rankings, as labeling/console/services.py counts them by day: those of some assignments or imports.
PAIRS = """
WITH tied AS (
    SELECT ranking.id, ranking.labeler_id, task.campaign_id, ranking.submitted_at, count(*) AS n
    FROM labeling_ranking AS ranking
    JOIN labeling_rankingtask AS task ON task.id = ranking.task_id AND task.copy_of_id IS NULL
    JOIN labeling_prompt AS prompt ON prompt.id = task.prompt_id
    JOIN labeling_rankedcompletion AS ranked ON ranked.ranking_id = ranking.id
    WHERE ranking.revision = 1 AND NOT ranking.simulated AND ranking.submitted_at >= %(since)s
        AND (ranking.assignment_id = ANY(%(assignments)s) OR prompt.prompt_import_id = ANY(%(imports)s))
    GROUP BY ranking.id, task.campaign_id, ranked.rank
)
SELECT campaign_id, labeler_id, (submitted_at AT TIME ZONE %(zone)s)::date AS day,
    (sum(n) * sum(n) - sum(n * n)) / 2 AS pairs
FROM tied GROUP BY id, campaign_id, labeler_id, submitted_at
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of rankings by people in one campaign, on days that are over, with the bonuses that their work of these days
    would get if they were one pay period.
    """

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
    first = today - timedelta(days=days - 1)
    terms = {each.pk: each for of_campaign in terms_by_campaign(until=today).values() for each in of_campaign}
    amounts: defaultdict[tuple[int, str], Decimal] = defaultdict(Decimal)
    comparisons: defaultdict[tuple[int, str], int] = defaultdict(int)
    left_out = _LeftOut.now()
    for row in _work(terms, campaigns, first=first, usable=~left_out.of_days()):
        paid = terms[row["terms"]]
        rankings = {AssignmentKind.RANKING.value: row["rankings"]}
        amount = earned(rates_of(paid), seconds=round(row["seconds"]), pieces=rankings)
        key = paid.campaign_id, paid.currency
        amounts[key] += amount + bonus(rates_of(paid), amount=amount, pieces={"all": row["pieces"]})
        comparisons[key] += row["pairs"]
    for campaign, day, pairs in left_out.single_pairs(since=first):
        if (held := _held_on(terms, campaign, day)) is not None:
            comparisons[campaign, held.currency] -= pairs
    return [
        Cost(campaign=campaign, currency=currency, amount=amount, comparisons=comparisons[campaign, currency])
        for (campaign, currency), amount in sorted(amounts.items())
    ]


def _work(
    terms: Mapping[int, PayTerms], campaigns: Collection[int], *, first: date, usable: Q
) -> "list[dict[str, int | float]]":
    """What each labeler did by each of the terms: {terms, rankings, seconds, pairs, pieces of all kinds}."""
    if not terms:
        return []
    ranked = Q(kind=AssignmentKind.RANKING)
    by_terms = Case(
        # The last that begin are looked at first.
        *(
            When(campaign=each.campaign_id, day__gte=each.begins_on, then=Value(each.pk))
            for each in sorted(terms.values(), key=lambda each: (each.begins_on, each.pk), reverse=True)
        ),
        default=None,
        output_field=BigIntegerField(),
    )
    done = DailyWork.objects.filter(simulated=False, campaign__in=campaigns, day__gte=first).order_by()
    found = done.annotate(terms=by_terms).filter(terms__isnull=False).values("terms", "labeler")
    return list(
        found.annotate(
            rankings=Coalesce(Sum("count", filter=ranked), 0),
            seconds=Coalesce(Sum("active_seconds", filter=ranked), 0.0),
            pairs=Coalesce(Sum("comparisons", filter=ranked & usable), 0),
            pieces=Sum("count"),
        ).filter(rankings__gt=0)
    )


def _held_on(terms: Mapping[int, PayTerms], campaign: int, day: date) -> PayTerms | None:
    """The terms that held in the campaign on that day."""
    begun = [each for each in terms.values() if each.campaign_id == campaign and each.begins_on <= day]
    return max(begun, key=lambda each: (each.begins_on, each.pk), default=None)


@dataclass(frozen=True, kw_only=True)
class _LeftOut:
    """What is left out of training now: whole campaigns, labelers from a day on, single rankings, imports."""

    campaigns: set[int]
    labelers: dict[int, date]
    """From which day on; what they ranked on that day is left out with it."""
    assignments: list[int]
    imports: list[int]

    @classmethod
    def now(cls) -> "_LeftOut":
        held = list(
            Exclusion.objects.in_force()
            .filter(demonstration=None)
            .values_list("campaign", "labeler", "since", "ranking__assignment", "prompt_import")
        )
        return cls(
            campaigns={row[0] for row in held if row[0]},
            labelers={row[1]: _day_of(row[2]) for row in held if row[1]},
            assignments=[row[3] for row in held if row[3]],
            imports=[row[4] for row in held if row[4]],
        )

    def of_days(self) -> Q:
        """Days of labelers that are left out whole."""
        found = Q(campaign__in=self.campaigns)
        for labeler, since in self.labelers.items():
            found |= Q(labeler=labeler, day__gte=since)
        return found

    def single_pairs(self, *, since: date) -> "list[tuple[int, date, int]]":
        """(campaign, day, pairs) of rankings that are left out one by one, or with an import, on days that are not."""
        if not self.assignments and not self.imports:
            return []
        begin = timezone.make_aware(datetime.combine(since, datetime.min.time()))
        values = {
            "since": begin, "assignments": self.assignments, "imports": self.imports, "zone": settings.TIME_ZONE,
        }  # fmt: skip
        counted = DailyWork.objects.aggregate(last=Max("day"))["last"] or date.min
        with connection.cursor() as cursor:
            cursor.execute(PAIRS, values)
            rows = cursor.fetchall()
        return [
            (campaign, day, int(pairs))
            for campaign, labeler, day, pairs in rows
            if campaign not in self.campaigns and day < self.labelers.get(labeler, date.max) and day <= counted
        ]


def _day_of(since: datetime | None) -> date:
    return date.min if since is None else timezone.localtime(since).date()
