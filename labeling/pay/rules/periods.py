"""Days as stretches of time: they are 23 or 25 hours long where the clocks change. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

LONGEST_DAYS = 366


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment at which a day begins there, in UTC; where midnight is skipped by the clocks, the moment after it."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    return beginning_of(day + timedelta(days=1), zone)


def stretches(first_day: date, last_day: date, *, changes: Iterable[date]) -> Sequence[tuple[date, date]]:
    """The period cut where something begins: (first day, the day after the last), each without a change inside.

    >>> [(str(a), str(b)) for a, b in stretches(date(2026, 3, 1), date(2026, 3, 31), changes=[date(2026, 3, 9)])]
    [('2026-03-01', '2026-03-09'), ('2026-03-09', '2026-04-01')]
    """
    inside = {day for day in changes if first_day < day <= last_day}
    return list(pairwise([first_day, *sorted(inside), last_day + timedelta(days=1)]))
