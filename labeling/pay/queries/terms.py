"""Which terms of pay hold, and what they are as numbers."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from labeling.pay.models import PAID_KINDS, PayTerms
from labeling.pay.rules.earnings import Rates


def rates_of(terms: PayTerms) -> Rates:
    return Rates(
        per_hour=terms.per_hour,
        per_piece={kind: getattr(terms, f"per_{kind}") for kind in PAID_KINDS},
        bonus_percent=terms.bonus_percent,
        bonus_from=terms.bonus_from,
    )


def terms_by_campaign(*, until: date) -> dict[int, list[PayTerms]]:
    """By campaign: all its terms that begin by that day, the first ones first; the last of a day counts."""
    by_campaign: defaultdict[int, list[PayTerms]] = defaultdict(list)
    for terms in PayTerms.objects.filter(begins_on__lte=until).select_related("campaign").order_by("begins_on", "id"):
        by_campaign[terms.campaign_id].append(terms)
    return dict(by_campaign)


def in_force(terms: Iterable[PayTerms], day: date) -> PayTerms | None:
    """Of terms in the order in which they begin: those that hold on a day."""
    return next((each for each in reversed(list(terms)) if each.begins_on <= day), None)


def terms_now(campaign_id: int, *, today: date) -> PayTerms | None:
    return in_force(PayTerms.objects.filter(campaign=campaign_id).order_by("begins_on", "id"), today)
