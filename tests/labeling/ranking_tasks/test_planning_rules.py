"""How much work lies ahead: by what is used up, in minutes, little where nobody labels. Whole days in plain values."""

import heapq
import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.ranking_tasks.planning.rules import (
    FEWEST_AHEAD,
    UNKNOWN,
    Pace,
    Supply,
    in_flight,
    tasks_ahead_wanted,
    verdict_of,
)

BEAT = 15


@given(
    minutes=st.integers(0, 240),
    seconds=st.floats(5, 3600),
    at_work=st.floats(0, 200),
    regulars=st.integers(0, 200),
    rankings=st.integers(1, 9),
    lead=st.floats(0, 1e4),
)
def test_more_labelers_and_minutes_never_want_less_and_none_wants_nothing_without_minutes(
    minutes: int, seconds: float, at_work: float, regulars: int, rankings: int, lead: float
) -> None:
    pace = Pace(seconds=seconds, at_work=at_work, regulars=regulars, lead_minutes=lead)

    def wanted(pace: Pace, minutes: int, *, here: bool = True) -> int:
        return tasks_ahead_wanted(pace, minutes=minutes, rankings_per_task=rankings, at_work=here)

    more = Pace(seconds=seconds, at_work=at_work + 1, regulars=regulars, lead_minutes=lead)
    assert wanted(pace, minutes) <= wanted(more, minutes)
    assert wanted(pace, minutes) <= wanted(pace, minutes + 1)
    assert wanted(pace, minutes, here=False) <= wanted(pace, minutes)
    assert wanted(pace, 0) == 0
    assert wanted(pace, minutes, here=False) <= max(FEWEST_AHEAD, regulars)


def test_workers_get_no_more_than_two_minutes_at_once() -> None:
    assert (in_flight(0), in_flight(4), in_flight(100)) == (32, 32, 200)


@dataclass
class Day:
    """Labelers, a beat and sampling workers, event by event; times are drawn, and nothing waits for real."""

    labelers: int
    seconds: float
    """Mean of one ranking; each takes half to one and a half times as long."""
    workers: int
    seconds_a_task: float
    minutes: int = 10
    hours: float = 3.0
    seed: int = 0
    waits: list[float] = field(default_factory=list)
    """When a labeler met an empty queue."""
    done: list[float] = field(default_factory=list)
    deepest: int = 0

    def run(self) -> "Day":
        self.draw = random.Random(self.seed)
        self.ready, self.sampling, self.busy, self.waiting, self.at_work = FEWEST_AHEAD, 0, 0, 0, 0
        self.events: list[tuple[float, int, str]] = []
        self.later(0.0, "beat")
        for place in range(self.labelers):
            self.later(60.0 + place, "claim")
        happens = {"beat": self.beat, "claim": self.claim, "handed in": self.handed_in, "sampled": self.sampled}
        while self.events[0][0] <= self.hours * 3600:
            now, _number, what = heapq.heappop(self.events)
            happens[what](now)
            while self.busy < min(self.workers, self.sampling):
                self.busy += 1
                self.later(now + self.seconds_a_task, "sampled")
            self.deepest = max(self.deepest, self.ready)
        return self

    def later(self, at: float, what: str) -> None:
        heapq.heappush(self.events, (at, self.draw.getrandbits(32), what))

    def beat(self, now: float) -> None:
        self.later(now + BEAT, "beat")
        pace = Pace(seconds=self.seconds, at_work=self.at_work, regulars=self.labelers)
        wanted = tasks_ahead_wanted(pace, minutes=self.minutes, rankings_per_task=1, at_work=self.at_work > 0)
        self.sampling += max(0, wanted - self.ready - self.sampling)

    def claim(self, now: float) -> None:
        if not self.ready:
            self.waiting += 1
            self.waits.append(now)
            return
        self.ready -= 1
        self.at_work += 1
        self.later(now + self.seconds * self.draw.uniform(0.5, 1.5), "handed in")

    def handed_in(self, now: float) -> None:
        self.done.append(now)
        self.at_work -= 1
        self.claim(now)

    def sampled(self, now: float) -> None:
        self.sampling, self.busy, self.ready = self.sampling - 1, self.busy - 1, self.ready + 1
        if self.waiting:
            self.waiting -= 1
            self.claim(now)


def test_eight_labelers_at_human_speed_never_meet_an_empty_queue_after_warming_up() -> None:
    """A ranking takes two minutes and a task 12 s of the one worker, which so makes 5 a minute where 4 are used up."""
    for seed in range(5):
        day = Day(labelers=8, seconds=120, workers=1, seconds_a_task=12, seed=seed).run()
        assert not [at for at in day.waits if at > 300]
        assert day.deepest <= 8 * 10 * 60 / 120 + 1
        assert len(day.done) > 8 * 3 * 3600 / 120 * 0.9


def test_where_the_hardware_cannot_keep_up_the_verdict_is_what_happens() -> None:
    """A task takes a minute of the one worker: it feeds two of the eight, and four such workers would feed all."""
    supply = Supply(window_minutes=30, workers=1, tasks=30, busy_seconds=1800)
    verdict = verdict_of(supply, used_per_minute=8 * 60 / 120, rankings_per_task=1, seconds=120)
    assert verdict is not None
    assert (verdict.keeps_up, verdict.workers_wanted) == (False, 4)
    assert (verdict.sustained, verdict.labelers) == pytest.approx((1, 2))

    slow = Day(labelers=8, seconds=120, workers=1, seconds_a_task=60).run()
    assert [at for at in slow.waits if at > 3600]
    per_minute = len([at for at in slow.done if at > 1800]) / (slow.hours * 60 - 30)
    assert per_minute == pytest.approx(verdict.sustained, rel=0.05)

    # With exactly as many the queue would never recover from what chance takes.
    mended = Day(labelers=8, seconds=120, workers=verdict.workers_wanted + 1, seconds_a_task=60).run()
    assert not [at for at in mended.waits if at > 900]


def test_nobody_at_work_wants_little_and_the_first_to_come_finds_some() -> None:
    assert tasks_ahead_wanted(UNKNOWN, minutes=600, rankings_per_task=1, at_work=False) == FEWEST_AHEAD
    assert Day(labelers=0, seconds=120, workers=1, seconds_a_task=1).run().deepest == FEWEST_AHEAD
    assert Day(labelers=3, seconds=120, workers=1, seconds_a_task=12).run().waits == []


def test_a_server_that_answers_several_at_once_counts_as_several() -> None:
    supply = Supply(window_minutes=10, workers=1, tasks=80, busy_seconds=4800)
    verdict = verdict_of(supply, used_per_minute=12, rankings_per_task=1.5, seconds=90)
    assert verdict is not None
    assert verdict.sustained == pytest.approx(8)
    assert math.isclose(verdict.labelers, 18)
    assert verdict.keeps_up
    assert verdict_of(Supply(window_minutes=10, workers=1, tasks=0, busy_seconds=0), used_per_minute=1,
                      rankings_per_task=1, seconds=60) is None  # fmt: skip
