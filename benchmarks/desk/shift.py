"""Labelers who rank at a person's speed, in real time: one hands in, looks for the next task, and reads it.

Imports models, so it is imported only where Django is set up (benchmarks/harness/scratch.py).
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from labeling.base.refusals import WorkBusy
from labeling.base.states import LabelerState
from labeling.campaigns.services.campaigns import acknowledge
from labeling.console.queries.figures import figures
from labeling.desk.models import Assignment
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Campaign, Labeler
from labeling.people.services import create_labeler
from labeling.simulation.rules.ranking import SPREAD_OF_PACE

LOOK_AGAIN_SECONDS = 2.0
NOTE_SECONDS = 10.0
"""How often the ready work is counted."""
SHORTEST_SECONDS = 0.01
"""Of a pause: a clock that adds up what was slept may stay a rounding before the time that was waited for."""


@dataclass(kw_only=True)
class Person:
    """`due`: when they hand in what they hold, or look again. `empty_since`: when they met an empty queue, and wait."""

    labeler: Labeler
    chance: random.Random
    due: float = 0.0
    assignment: Assignment | None = None
    seconds: float = 0.0
    empty_since: float | None = None


@dataclass(frozen=True, kw_only=True)
class Empty:
    """Somebody met an empty queue: since when and until when, in seconds of the shift."""

    since: float
    until: float


@dataclass(kw_only=True)
class Shift:
    """What happened, in seconds from the beginning. `ready`: when, and rankings that could be begun then."""

    handed_in: dict[int, list[float]] = field(default_factory=dict)
    """By labeler."""
    empty: list[Empty] = field(default_factory=list)
    ready: list[tuple[float, int]] = field(default_factory=list)

    @property
    def warm(self) -> float | None:
        """When everybody had handed in a first ranking; None: somebody has not."""
        return max(each[0] for each in self.handed_in.values()) if all(self.handed_in.values()) else None


def people_for(campaign: Campaign, *, count: int) -> list[Person]:
    """Labelers who may rank all that the campaign has."""
    found = []
    for number in range(1, count + 1):
        labeler = create_labeler(
            username=f"human-speed-{number}", password=None, languages=campaign.languages, state=LabelerState.ACTIVE
        )
        acknowledge(labeler=labeler, instruction_version=campaign.instruction_versions.latest("version"))
        found.append(Person(labeler=labeler, chance=random.Random(number)))
    return found


def work(
    people: list[Person],
    *,
    seconds: float,
    lasts: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Shift:
    """Everybody ranks for `lasts` seconds, `seconds` for a ranking in the median. All come at the same moment, the
    worst for a queue that hardly anything lies in while nobody works.
    """
    began, note_at = now(), 0.0
    shift = Shift(handed_in={person.labeler.pk: [] for person in people})
    while (at := now() - began) < lasts:
        if at >= note_at:
            shift.ready.append((at, sum(row["places"] for row in figures().work)))
            note_at = at + NOTE_SECONDS
        for person in people:
            if person.due <= at:
                _go_on(person, shift, at, seconds)
        sleep(max(SHORTEST_SECONDS, min(note_at, *(person.due for person in people)) - (now() - began)))
    shift.empty += [Empty(since=each.empty_since, until=lasts) for each in people if each.empty_since is not None]
    return shift


def _go_on(person: Person, shift: Shift, at: float, seconds: float) -> None:
    """Hands in what the person holds, and looks for the next."""
    if person.assignment is not None:
        _hand_in(person)
        shift.handed_in[person.labeler.pk].append(at)
    try:
        person.assignment = claim_ranking(labeler=person.labeler)
    except WorkBusy:
        person.assignment = None
    if person.assignment is None:
        person.empty_since = at if person.empty_since is None else person.empty_since
        person.due = at + LOOK_AGAIN_SECONDS
        return
    if person.empty_since is not None:
        shift.empty.append(Empty(since=person.empty_since, until=at))
        person.empty_since = None
    person.seconds = seconds * person.chance.lognormvariate(0, SPREAD_OF_PACE)
    person.due = at + person.seconds


def _hand_in(person: Person) -> None:
    assert person.assignment is not None
    k = len(person.assignment.shown_order)
    ranks = person.chance.sample(range(1, k + 1), k)
    judgements = [
        Judgement(shown_position=place, rank=rank, quality=max(1, 8 - rank)) for place, rank in enumerate(ranks, 1)
    ]
    submit_ranking(
        labeler=person.labeler,
        token=str(person.assignment.token),
        judgements=judgements,
        active_seconds=person.seconds,
    )
