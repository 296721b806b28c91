"""The ledger as a table of values, for CSV."""

from collections.abc import Iterable, Iterator

from labeling.base.csv_tables import Cell
from labeling.pay.models import PAID_KINDS, PayEntry

HEADER = (
    "period_first_day", "period_last_day", "period_state", "labeler", "username", "campaign", "kind",
    "active_seconds", "active_hours", "pieces", *(f"{kind}s" for kind in PAID_KINDS), "currency", "amount",
    "reason", "entry", "corrects_entry", "made_by", "made_at",
)  # fmt: skip


def rows(entries: Iterable[PayEntry]) -> Iterator[list[Cell]]:
    """A row for each entry; one that is only counted so far has no number and no time."""
    for entry in entries:
        yield [
            entry.period.first_day.isoformat(),
            entry.period.last_day.isoformat(),
            entry.period.state,
            entry.labeler.pseudonym,
            str(entry.labeler),
            entry.campaign.slug if entry.campaign else "",
            entry.kind,
            entry.seconds,
            round(entry.seconds / 3600, 4),
            sum(entry.pieces.values()),
            *(entry.pieces.get(kind, 0) for kind in PAID_KINDS),
            entry.currency,
            entry.amount,
            entry.reason,
            entry.pk,
            entry.corrects_id,
            str(entry.made_by) if entry.made_by else "",
            entry.made_at.isoformat() if entry.pk else "",
        ]
