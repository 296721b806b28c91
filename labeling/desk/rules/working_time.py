"""The active time that a page reports, and its upper limit. Pure.

The page counts by a clock that only goes forward (active-time.js): hidden tabs, pauses and more than a minute
without any sign of a person do not count. What it says is bounded here, since anybody can say anything.
"""

IDLE_SECONDS = 60
LONGEST_TASK_SECONDS = 4 * 60 * 60
"""No single task counts for more: whoever sat longer before one page was doing something else as well."""

LONGEST_PAUSE_MINUTES = 60
"""A pause keeps the work from others for so long; then it goes back to the queue like any that was left."""


def believable(seconds: float, *, held_for: float) -> float:
    """Returns `seconds` limited to the time for which the work was held and to LONGEST_TASK_SECONDS; never negative."""
    return max(0.0, min(seconds, held_for, LONGEST_TASK_SECONDS))
