"""What a labeler reads about themself: time, pieces of work, how long they took, what was earned."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from labeling.base.states import CampaignStage, CampaignState, CheckKind, PayPeriodState
from labeling.campaigns.models.campaigns import Campaign
from labeling.pay.models import PayEntry, PayPeriod, PayTerms
from labeling.pay.queries.ledger import Amounts, amounts_of, counted_entries
from labeling.pay.queries.terms import in_force, terms_by_campaign
from labeling.pay.queries.work import TimePerPiece, time_per_piece, worked_between
from labeling.people.models import Labeler
from labeling.quality.gold.models import Check

DAYS_SHOWN = 30


@dataclass(frozen=True, kw_only=True)
class OwnPeriod:
    """A pay period as one labeler reads it; `counted`: it goes on, and grows with their work."""

    period: PayPeriod
    counted: bool
    seconds: int
    pieces: int
    amounts: Amounts
    entries: list[PayEntry]


@dataclass(frozen=True, kw_only=True)
class OwnNumbers:
    days: int
    seconds: float
    pieces: Counter[str]
    times: list[TimePerPiece]
    periods: list[OwnPeriod]
    paid_now: list[tuple[Campaign, PayTerms]]
    practice: "PracticeResults"


@dataclass(frozen=True, kw_only=True)
class PracticeResults:
    """Of the items of practice campaigns: how many were done and passed; pairs that were put as the answer has them."""

    items: int
    passed: int
    pairs: int
    pairs_held: int


def own_numbers(labeler: Labeler) -> OwnNumbers:
    """Of the past DAYS_SHOWN days, and of every pay period in which something was earned."""
    until = timezone.now()
    since = until - timedelta(days=DAYS_SHOWN)
    pieces: Counter[str] = Counter()
    seconds = 0.0
    for worked in worked_between(since, until, labeler=labeler).values():
        seconds += worked.seconds
        pieces += worked.pieces
    return OwnNumbers(
        days=DAYS_SHOWN,
        seconds=seconds,
        pieces=pieces,
        times=time_per_piece(labeler, since=since, until=until),
        periods=own_periods(labeler),
        paid_now=paid_now(labeler, today=until.date()),
        practice=practice_results(labeler),
    )


def practice_results(labeler: Labeler) -> PracticeResults:
    """As they were measured when each was handed in; whoever practises has seen each answer with its reason."""
    checks = Check.objects.filter(
        labeler=labeler, kind=CheckKind.GOLD, ranking__isnull=False, task__campaign__stage=CampaignStage.PRACTICE
    )
    found = checks.aggregate(
        items=Count("pk"),
        passed=Count("pk", filter=Q(passed=True)),
        pairs=Coalesce(Sum("pairs"), 0),
        pairs_held=Coalesce(Sum("pairs_held"), 0),
    )
    return PracticeResults(**found)


def own_periods(labeler: Labeler) -> list[OwnPeriod]:
    """The newest first."""
    stored = PayEntry.objects.filter(labeler=labeler).select_related("period", "campaign", "terms")
    entries = [*stored.order_by("-period__begins_at", "campaign__name", "id")]
    for period in PayPeriod.objects.filter(state=PayPeriodState.OPEN, begins_at__lte=timezone.now()):
        entries += counted_entries(period, labeler=labeler)
    entries.sort(key=lambda entry: entry.period.begins_at, reverse=True)
    return [
        OwnPeriod(
            period=period,
            counted=period.state == PayPeriodState.OPEN,
            seconds=sum(entry.seconds for entry in mine),
            pieces=sum(sum(entry.pieces.values()) for entry in mine),
            amounts=amounts_of(mine),
            entries=mine,
        )
        for period, mine in ((key, list(group)) for key, group in groupby(entries, key=lambda entry: entry.period))
    ]


def paid_now(labeler: Labeler, *, today: date) -> list[tuple[Campaign, PayTerms]]:
    """What the open campaigns in the labeler's languages pay today."""
    terms = terms_by_campaign(until=today)
    offered = Campaign.objects.filter(
        pk__in=terms, state=CampaignState.ACTIVE, simulated=labeler.simulated, languages__overlap=labeler.languages
    )
    return [(campaign, held) for campaign in offered if (held := in_force(terms[campaign.pk], today))]
