"""Working time: how much of what pages count is believed, and when it was. Pure.

A page counts by a clock that only goes forward (static/desk/active-time.js): hidden tabs, pauses and more than a minute
without any sign of a person do not count. What it says is bounded here, since anybody can say anything, and since two
pages of one person may count the same minute.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

IDLE_SECONDS = 60
LONGEST_TASK_SECONDS = 4 * 60 * 60
"""No single task counts for more: whoever sat longer before one page was doing something else as well."""

LONGEST_PAUSE_MINUTES = 60
"""A pause keeps the work from others for so long; then it goes back to the queue like any that was left."""

QUARTER = timedelta(minutes=15)
"""Time is kept by quarters of an hour: every time zone's days begin with one."""


def quarter_of(moment: datetime) -> datetime:
    """The beginning of its quarter of an hour. `moment` is in UTC."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def credited(
    seconds: float, *, since: datetime, until: datetime, taken: Mapping[datetime, float]
) -> dict[datetime, float]:
    """Spreads `seconds` of work over the quarters between `since` and `until`, the last one first.

    No quarter gets more than what lies between the two of it, nor more than it has room for beside what it holds
    already of the same person (`taken`): nobody works two minutes in one. What finds no room is dropped.
    """
    spread: dict[datetime, float] = {}
    end, left = until, seconds
    while left > 0 and end > since:
        quarter = quarter_of(end - timedelta(microseconds=1))
        begin = max(quarter, since)
        room = (end - quarter).total_seconds() - taken.get(quarter, 0.0)
        got = max(0.0, min(left, room, (end - begin).total_seconds()))
        if got:
            spread[quarter] = got
        left -= got
        end = begin
    return spread
