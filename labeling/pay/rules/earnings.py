"""What work earns by the terms of its campaign. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Terms of pay as numbers: per hour, per piece of work by its kind, and the bonus."""

    per_hour: Decimal = Decimal(0)
    per_piece: Mapping[str, Decimal] = field(default_factory=dict)
    bonus_percent: int = 0
    bonus_from: int = 0


def earned(rates: Rates, *, seconds: int, pieces: Mapping[str, int]) -> Decimal:
    """Active time and pieces by the rates, rounded once, half a cent up, so that a ledger can be checked by hand.

    >>> rates = Rates(per_hour=Decimal(18), per_piece={"ranking": Decimal("0.25")})
    >>> earned(rates, seconds=1_000, pieces={"ranking": 3})
    Decimal('5.75')
    """
    for_time = rates.per_hour * seconds / 3600
    for_pieces = sum((rates.per_piece.get(kind, Decimal(0)) * count for kind, count in pieces.items()), Decimal(0))
    return (for_time + for_pieces).quantize(CENT, ROUND_HALF_UP)


def bonus(rates: Rates, *, amount: Decimal, pieces: Mapping[str, int]) -> Decimal:
    """What comes on top of `amount` for whoever handed in enough; 0 for everybody else."""
    if not rates.bonus_percent or sum(pieces.values()) < rates.bonus_from:
        return Decimal(0)
    return (amount * rates.bonus_percent / 100).quantize(CENT, ROUND_HALF_UP)
