"""The satisfaction survey of InstructGPT (Ouyang et al. 2022, App. B.4, Table 13). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STATEMENTS = ("clear", "enjoyable", "repetitive", "fair", "glad")
"""Instructions clear; task enjoyable and engaging; repetitive; paid fairly; glad to have done it."""
SCALE = (5, 4, 3, 2, 1)
"""Strongly agree, agree, neither, disagree, strongly disagree."""
FEWEST_ANSWERS = 5
"""Of fewer answers nothing is shown, or it could be guessed who gave which."""
INSTRUCTGPT_AGREED: Mapping[str, float] = {
    "clear": 100.0, "enjoyable": 94.7, "repetitive": 31.6, "fair": 89.5, "glad": 100.0,
}  # fmt: skip
"""Percent of its 19 labelers who agreed or strongly agreed."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How many gave each answer to a statement, the strongest agreement first."""

    statement: str
    counts: tuple[int, ...]

    @property
    def percents(self) -> tuple[float, ...]:
        total = sum(self.counts) or 1
        return tuple(100 * count / total for count in self.counts)

    @property
    def agreed(self) -> float:
        """Percent who agreed or strongly agreed."""
        return self.percents[0] + self.percents[1]


def results_of(answers: Sequence[Mapping[str, int]]) -> list[Result]:
    """By statement; each answer says 1 to 5 to all of them.

    >>> results_of([{"clear": 5, "enjoyable": 4, "repetitive": 1, "fair": 3, "glad": 5}])[1]
    Result(statement='enjoyable', counts=(0, 1, 0, 0, 0))
    """
    return [
        Result(
            statement=statement,
            counts=tuple(sum(answer[statement] == value for answer in answers) for value in SCALE),
        )
        for statement in STATEMENTS
    ]
