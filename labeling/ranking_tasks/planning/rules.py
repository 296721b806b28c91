"""How much work is to lie ahead of whom, and whether the hardware can make it as fast as it is used up. Pure.

Work is counted in minutes, not in tasks: a queue of twenty is an hour for one labeler and two minutes for thirty. Where
nobody labels hardly anything is made, so that what is sampled is from the model of the day on which it is ranked.
"""

import math
from dataclasses import dataclass

USUAL_SECONDS = 120.0
"""Of one ranking, where nobody has made any yet."""
FASTEST_SECONDS = 20.0
"""Nobody goes on reading four completions faster; a few hurried clicks are no reason to sample for hours."""
FEWEST_AHEAD = 3
"""Tasks that wait for whoever comes next, though nobody labels: enough until sampling has caught up with them."""
LONGEST_LEAD_MINUTES = 60.0
"""A task that was held up for longer (no model, no worker) says nothing of how long sampling takes."""
FEWEST_IN_FLIGHT = 32
"""Tasks that are sent to workers at the least before any of them came back."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the rankings of one campaign and language are used up and made."""

    seconds: float = USUAL_SECONDS
    """Mean active time of one ranking."""
    at_work: float = 0.0
    """Labelers who rank here now; one who takes turns between two campaigns is half a labeler in each."""
    regulars: int = 0
    """Labelers who ranked here within a week, and may come back at any moment."""
    lead_minutes: float = 0.0
    """From making a task until it is ready."""

    @property
    def per_minute(self) -> float:
        """Rankings that are used up."""
        return self.at_work * 60 / self.seconds


UNKNOWN = Pace()


def tasks_ahead_wanted(pace: Pace, *, minutes: int, rankings_per_task: int, at_work: bool) -> int:
    """How many tasks are to lie ahead of one labeler, which others may take as well.

    Of whoever is at work: what everybody at work uses up within `minutes`, and while more is being made. Of all others:
    one for each who may come back, three at least, and never more than `minutes` of their own.

    >>> tasks_ahead_wanted(Pace(seconds=120, at_work=8), minutes=30, rankings_per_task=1, at_work=True)
    120
    >>> tasks_ahead_wanted(Pace(seconds=120, at_work=8), minutes=30, rankings_per_task=3, at_work=True)
    40
    >>> tasks_ahead_wanted(UNKNOWN, minutes=30, rankings_per_task=1, at_work=False)
    3
    """
    alone = math.ceil(minutes * 60 / pace.seconds)
    idle = min(alone, max(FEWEST_AHEAD, pace.regulars))
    if not at_work or not minutes:
        return idle
    used_up = pace.per_minute * (minutes + min(pace.lead_minutes, LONGEST_LEAD_MINUTES))
    return max(idle, alone, math.ceil(used_up / rankings_per_task))


def in_flight(ready_per_minute: float) -> int:
    """How many tasks may be with the workers at once: what they make in two minutes.

    The others wait in PostgreSQL, where a campaign that begins, or has a higher priority, comes before them.
    """
    return max(FEWEST_IN_FLIGHT, math.ceil(2 * ready_per_minute))


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What sampling workers did within a window, which may be most of the time nothing."""

    window_minutes: float
    workers: int
    tasks: int
    """That got completions."""
    busy_seconds: float
    """Of all workers together."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether sampling keeps up, and what would. Tasks a minute; `labelers`: whom that feeds at the pace of now."""

    sustained: float
    used: float
    labelers: float
    workers_wanted: int

    @property
    def keeps_up(self) -> bool:
        return self.sustained >= self.used


def verdict_of(supply: Supply, *, used_per_minute: float, rankings_per_task: float, seconds: float) -> Verdict | None:
    """None while no task was sampled. `used_per_minute`: rankings; `seconds`: of one.

    A worker that does several things at once (a server answers them together) is busy for longer than the window:
    then it counts as so many.

    >>> supply = Supply(window_minutes=10, workers=1, tasks=10, busy_seconds=600)
    >>> verdict_of(supply, used_per_minute=4, rankings_per_task=1, seconds=120)
    Verdict(sustained=1.0, used=4.0, labelers=2.0, workers_wanted=4)
    """
    if not supply.tasks or not supply.busy_seconds:
        return None
    seconds_a_task = supply.busy_seconds / supply.tasks
    at_once = max(float(supply.workers), supply.busy_seconds / (60 * supply.window_minutes))
    sustained = at_once * 60 / seconds_a_task
    used = used_per_minute / rankings_per_task
    per_worker = sustained / (supply.workers or 1)
    return Verdict(
        sustained=sustained,
        used=used,
        labelers=sustained * rankings_per_task * seconds / 60,
        workers_wanted=math.ceil(used / per_worker - 1e-9),
    )
