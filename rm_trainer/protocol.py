"""What is asked of a loaded reward model, in types that bring no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lm.prompt_format import Message


@dataclass(frozen=True)
class Item:
    """One completion to be scored, after its prompt."""

    prompt: tuple[Message, ...]
    completion: str


@dataclass(frozen=True)
class Scored:
    """`reward` has the model's bias in it: 0 is as good as the demonstrations. None where `problem` says why not.

    `dropped`: tokens that the prompt lost at its start. `unread`: whether the chat template leaves some text out.
    """

    reward: float | None
    problem: str = ""
    dropped: int = 0
    unread: bool = False


class Rewarder(Protocol):
    """A reward model that stays loaded."""

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """Returns the scores in the order of the items; none depends on the other items."""
        ...
