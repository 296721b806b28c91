"""Time, pieces and money in words."""

from collections.abc import Mapping
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from labeling.base.states import AssignmentKind, CompositionKind
from labeling.pay.models import PAID_KINDS, PayTerms


def hours_and_minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}


def minutes_and_seconds(seconds: float) -> str:
    whole = round(seconds)
    return _("%(minutes)d min %(seconds)02d s") % {"minutes": whole // 60, "seconds": whole % 60}


def money(amount: Decimal, currency: str) -> str:
    """With the code of the currency, so that no sign is taken for another country's."""
    return f"{number_format(amount, decimal_pos=2, force_grouping=True)} {currency}"


def all_money(amounts: Mapping[str, Decimal]) -> str:
    return " + ".join(money(amount, currency) for currency, amount in amounts.items()) or "–"


def kind_word(kind: str) -> str:
    kinds = AssignmentKind if kind in AssignmentKind.values else CompositionKind
    return str(kinds(kind).label)


def pieces_in_words(pieces: Mapping[str, int]) -> str:
    return ", ".join(f"{kind_word(kind)} {count:,}" for kind, count in pieces.items())


def rate(amount: Decimal) -> str:
    """With as many decimals as it needs, and at least two."""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    return number_format(amount, decimal_pos=decimals, force_grouping=True)


def terms_in_words(terms: PayTerms) -> str:
    """ "18.00 USD an hour; Ranking 0.25; 10% more from 50 pieces of work on"."""
    parts = []
    if terms.per_hour:
        parts.append(
            _("%(amount)s %(currency)s an hour") % {"amount": rate(terms.per_hour), "currency": terms.currency}
        )
    parts += [
        _("%(amount)s %(currency)s for each: %(kind)s")
        % {"amount": rate(amount), "currency": terms.currency, "kind": kind_word(kind)}
        for kind in PAID_KINDS
        if (amount := getattr(terms, f"per_{kind}"))
    ]
    if terms.bonus_percent:
        bonus = _("%(percent)d%% on top for whoever hands in %(count)d or more pieces of work in a period")
        parts.append(bonus % {"percent": terms.bonus_percent, "count": terms.bonus_from})
    return "; ".join(parts) or _("nothing")
