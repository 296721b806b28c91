"""When something is so wrong that people are told. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

GOLD_LOOKED_AT = 5
GOLD_FAILED = 3
"""Of the last five gold items: whoever passes 8 of 10 fails three of them in 6 of 100 cases, half: in 50."""

Key = tuple[str, str]
"""(kind, subject) of an incident."""


def fails_gold(passed: Sequence[bool]) -> bool:
    """Whether a labeler fails gold items, by how they did, the last first.

    >>> fails_gold([False, True, False, False, True])
    True
    >>> fails_gold([True, True, False, True, True, False, False])
    False
    """
    return passed[:GOLD_LOOKED_AT].count(False) >= GOLD_FAILED


def to_open_and_close(*, found: Collection[Key], opened: Collection[Key]) -> tuple[set[Key], set[Key]]:
    """Which incidents begin now, and which are over.

    >>> to_open_and_close(found=[("disk_low", "/var")], opened=[("queue_empty", "campaign 5")])
    ({('disk_low', '/var')}, {('queue_empty', 'campaign 5')})
    """
    return set(found) - set(opened), set(opened) - set(found)


def is_to_be_told(*, opened_at: datetime, now: datetime, patience: timedelta, silenced: bool) -> bool:
    """Whether an incident that nobody was told of is told now: it lasts, and its kind isn't silenced."""
    return not silenced and now - opened_at >= patience
