"""Worlds without a database: the labelers whom `simulate_labelers` plants rank shared items."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from labeling.quality.bias.rules.observed import Ranked, RankedTask
from labeling.simulation.rules.behaviours import Behaviour
from labeling.simulation.rules.ranking import Page, hand_in

K = range(4, 10)
"""InstructGPT's numbers of completions."""
GOOD_IS_LONG = 0.3
"""The correlation of worth and length: for honest labelers, too, the longer completion often wins."""
MIDDLE_LENGTH, DOUBLINGS = 300, 0.7
"""Lengths in characters: the median, and their standard deviation in doublings."""

Cast = Mapping[int, Behaviour]


@dataclass(frozen=True, kw_only=True)
class Size:
    """`per_task`: how many labelers rank each task."""

    tasks: int
    per_task: int = 3


def honest_labeler(chance: random.Random) -> Behaviour:
    """One of many who do their best: some see more than others, each has a little of every habit."""
    return Behaviour(
        noise=chance.uniform(0.25, 0.42),
        position=chance.gauss(0, 0.05),
        length=chance.gauss(0, 0.08),
        ties_within=chance.uniform(0, 0.25),
    )


def world(cast: Cast, size: Size, *, seed: int, misled: float = 0.0) -> list[RankedTask]:
    """All labelers rank the same number of tasks, or one more; who meets whom is drawn.

    `misled`: how far all but those who see the truth mistake completions alike, in standard deviations of worth.
    """
    chance = random.Random(seed)
    done = dict.fromkeys(cast, 0)
    tasks = []
    for number in range(size.tasks):
        labelers = sorted(done, key=lambda labeler: (done[labeler], chance.random()))[: size.per_task]
        chance.shuffle(labelers)
        tasks.append(_task(number, {each: (cast[each], done[each]) for each in labelers}, chance, misled=misled))
        for labeler in labelers:
            done[labeler] += 1
    return tasks


def _task(
    number: int, labelers: Mapping[int, tuple[Behaviour, int]], chance: random.Random, *, misled: float
) -> RankedTask:
    k = chance.choice(K)
    worths = [chance.gauss(0, 1) for _ in range(k)]
    seems = [worth + misled * chance.gauss(0, 1) for worth in worths] if misled else worths
    own = (1 - GOOD_IS_LONG**2) ** 0.5
    lengths = [
        round(MIDDLE_LENGTH * 2 ** (DOUBLINGS * (GOOD_IS_LONG * worth + own * chance.gauss(0, 1)))) for worth in worths
    ]
    rankings: list[Ranked] = []
    for labeler, (behaviour, before) in labelers.items():
        earlier = rankings[0].ranks if rankings else None
        order = chance.sample(range(k), k)  # the place shown → which completion
        said = hand_in(
            Page(
                worths=[worths[each] for each in order],
                lengths=[lengths[each] for each in order],
                seems=[seems[each] for each in order],
            ),
            behaviour,
            chance=chance,
            rankings_before=before,
            earlier=None if earlier is None else [earlier[each] for each in order],
        )
        ranks, shown = [0] * k, [0] * k
        for place, (each, rank) in enumerate(zip(order, said.ranks, strict=True)):
            ranks[each], shown[each] = rank, place + 1
        rankings.append(Ranked(labeler=labeler, ranks=ranks, shown=shown, seconds=said.seconds))
    return RankedTask(task=number, lengths=lengths, rankings=rankings)
