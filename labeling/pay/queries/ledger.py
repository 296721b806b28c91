"""The ledger of a period: its entries once it is frozen, until then what they would be by now."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from labeling.base.states import CampaignStage, PayEntryKind, PayPeriodState
from labeling.campaigns.models.campaigns import Campaign
from labeling.pay.models import PayEntry, PayPeriod, PayTerms
from labeling.pay.queries.terms import in_force, rates_of, terms_by_campaign
from labeling.pay.queries.work import Worked, worked_between
from labeling.pay.rules.earnings import bonus, earned
from labeling.pay.rules.periods import beginning_of, stretches
from labeling.people.models import Labeler

Amounts = dict[str, Decimal]
"""By currency."""


def entries_of(period: PayPeriod, *, labeler: Labeler | None = None) -> list[PayEntry]:
    """Every line, by labeler and campaign; of an open period those of work are not stored."""
    stored = PayEntry.objects.filter(period=period)
    if labeler:
        stored = stored.filter(labeler=labeler)
    entries = list(stored.select_related("period", "labeler__user", "campaign", "made_by", "terms"))
    if period.state == PayPeriodState.OPEN:
        entries += counted_entries(period, labeler=labeler)
    return sorted(entries, key=_in_order)


LAST = "\U0010ffff"


def _in_order(entry: PayEntry) -> tuple[int, str, int, int]:
    campaign = entry.campaign.name if entry.campaign else ""
    return entry.labeler_id, campaign or LAST, list(PayEntryKind).index(PayEntryKind(entry.kind)), entry.pk or 0


def counted_entries(period: PayPeriod, *, labeler: Labeler | None = None) -> list[PayEntry]:
    """What freezing would enter now: work that terms of its campaign pay for, and the bonus that they promise."""
    counted = _by_terms(period, labeler)
    people = Labeler.objects.select_related("user").in_bulk({who for who, _ in counted})
    entries: list[PayEntry] = []
    for (labeler_id, _), (terms, worked) in counted.items():
        rates, seconds, pieces = rates_of(terms), round(worked.seconds), dict(sorted(worked.pieces.items()))
        amount = earned(rates, seconds=seconds, pieces=pieces)
        what = {
            "period": period, "labeler": people[labeler_id], "campaign": terms.campaign, "terms": terms,
            "currency": terms.currency,
        }  # fmt: skip
        entries.append(PayEntry(**what, kind=PayEntryKind.WORK, seconds=seconds, pieces=pieces, amount=amount))
        if on_top := bonus(rates, amount=amount, pieces=pieces):
            entries.append(PayEntry(**what, kind=PayEntryKind.BONUS, amount=on_top))
    return entries


def _by_terms(period: PayPeriod, labeler: Labeler | None) -> dict[tuple[int, int], tuple[PayTerms, Worked]]:
    """By labeler and terms, over the whole period."""
    counted: dict[tuple[int, int], tuple[PayTerms, Worked]] = {}
    for labeler_id, _campaign, terms, worked in _worked(period, labeler):
        if terms is not None:
            _, total = counted.setdefault((labeler_id, terms.pk), (terms, Worked()))
            total.add(worked)
    return counted


def _worked(
    period: PayPeriod, labeler: Labeler | None = None
) -> Iterator[tuple[int, Campaign, PayTerms | None, Worked]]:
    """(labeler id, campaign, the terms that hold, what was worked) of each part of the period, which is cut where terms
    begin.
    """
    terms = terms_by_campaign(until=period.last_day)
    begins = [each.begins_on for of_campaign in terms.values() for each in of_campaign]
    campaigns = Campaign.objects.in_bulk()
    for first, after in stretches(period.first_day, period.last_day, changes=begins):
        begin, end = beginning_of(first, period.zone), beginning_of(after, period.zone)
        for (labeler_id, campaign_id), worked in worked_between(begin, end, labeler=labeler).items():
            yield labeler_id, campaigns[campaign_id], in_force(terms.get(campaign_id, ()), first), worked


@dataclass(frozen=True, kw_only=True)
class Unpaid:
    """Work that no terms pay for: a campaign has none, or none yet."""

    campaign: Campaign
    seconds: float
    pieces: int
    labelers: int


def unpaid_work(period: PayPeriod) -> list[Unpaid]:
    """Work of the period in campaigns that pay nothing for it, for somebody to notice before it is frozen."""
    found: defaultdict[Campaign, Worked] = defaultdict(Worked)
    labelers: defaultdict[Campaign, set[int]] = defaultdict(set)
    for labeler_id, campaign, terms, worked in _worked(period):
        if terms is None and campaign.stage == CampaignStage.WORK:  # screening and practice are seldom paid
            found[campaign].add(worked)
            labelers[campaign].add(labeler_id)
    return [
        Unpaid(campaign=campaign, seconds=each.seconds, pieces=each.pieces.total(), labelers=len(labelers[campaign]))
        for campaign, each in sorted(found.items(), key=lambda item: item[0].name)
    ]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a labeler worked and gets in a period, over all campaigns."""

    labeler: Labeler
    seconds: int
    pieces: int
    amounts: Amounts
    entries: list[PayEntry]


def summaries(entries: Iterable[PayEntry]) -> list[Summary]:
    """By labeler, in the order of the entries."""
    by_labeler: defaultdict[int, list[PayEntry]] = defaultdict(list)
    for entry in entries:
        by_labeler[entry.labeler_id].append(entry)
    return [
        Summary(
            labeler=mine[0].labeler,
            seconds=sum(entry.seconds for entry in mine),
            pieces=sum(sum(entry.pieces.values()) for entry in mine),
            amounts=amounts_of(mine),
            entries=mine,
        )
        for mine in by_labeler.values()
    ]


def amounts_of(entries: Iterable[PayEntry]) -> Amounts:
    """The sum in each currency; sums of different currencies are never put together."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[entry.currency] += entry.amount
    return dict(sorted(sums.items()))
