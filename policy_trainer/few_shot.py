"""More examples of a few-shot prompt: the same query behind other sets of its pairs (InstructGPT, appendix A.3).

A prompt with K pairs arrives as K demonstrations, each of which has the other K − 1 before its query (A.1).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from random import Random

from lm.prompt_format import Message
from lm.snapshot.records.demonstrations import Demonstration

TRIES = 20
"""Of few pairs there are few sets, and a draw may come up again."""


def with_other_sets(ideal: Demonstration, *, sets: int, seed: int) -> list[Demonstration]:
    """The demonstration, and behind it the same with other sets of its pairs in other orders: `sets` in all where there
    are so many, each different. Which they are is a function of the seed and the demonstration's id.
    """
    if not ideal.few_shot or sets == 1:
        return [ideal]
    instruction, pairs, query = _parts(ideal.prompt)
    chance = Random(f"{seed}/{ideal.demonstration_id}")
    found = dict.fromkeys([str(ideal.prompt)], ideal)
    for _ in range(TRIES * sets):
        if len(found) == sets:
            break
        chosen = chance.sample(pairs, chance.randint(0, len(pairs)))
        prompt = (*instruction, *chain.from_iterable(chosen), query)
        found.setdefault(str(prompt), replace(ideal, prompt=prompt))
    return list(found.values())


def _parts(
    prompt: Sequence[Message],
) -> tuple[tuple[Message, ...], list[tuple[Message, ...]], Message]:
    """The instruction, the pairs of query and response, and the query that is asked."""
    begin = sum(message["role"] == "system" for message in prompt)
    turns = tuple(prompt[begin:-1])
    return tuple(prompt[:begin]), [turns[place : place + 2] for place in range(0, len(turns), 2)], prompt[-1]
