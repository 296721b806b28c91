"""The turns of a dialogue as its form holds them, and what is still wrong with them. Pure.

The fields of turn 3 are `3-role`, `3-text`, `3-request` (the token of what the model was asked for it) and
`3-suggestion` (token/number of the suggestion that it took).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from labeling.base.text import LONGEST_TURN
from labeling.desk.rules.drafts import Draft, as_lists, first
from lm.prompt_format import Message

MOST_TURNS = 60

FIELDS = ("role", "text", "request", "suggestion")


@dataclass(frozen=True, kw_only=True)
class Turn:
    role: str
    text: str = ""
    request: str = ""
    suggestion: str = ""


class Fault(StrEnum):
    EMPTY = "empty"
    TOO_LONG = "too_long"
    SAME_ROLE = "same_role"
    SYSTEM_LATE = "system_late"
    ASSISTANT_FIRST = "assistant_first"
    USER_LAST = "user_last"
    UNSTORABLE = "unstorable"


@dataclass(frozen=True, kw_only=True)
class TurnFault:
    """What is wrong with the turn at `position`, from 1."""

    position: int
    fault: Fault


def turns_in(stored: Mapping[str, object]) -> list[Turn]:
    """The turns of a draft or of what was sent; a user and an assistant turn, both empty, where there are none."""
    draft = as_lists(stored)
    turns: list[Turn] = []
    while len(turns) < MOST_TURNS and f"{len(turns) + 1}-role" in draft:
        turns.append(_turn(draft, len(turns) + 1))
    return turns or [Turn(role="user"), Turn(role="assistant")]


def _turn(draft: Draft, position: int) -> Turn:
    values = {name: first(draft, f"{position}-{name}") for name in FIELDS}
    role = values.pop("role")
    return Turn(role=role if role in ("system", "user", "assistant") else "user", **values)


def as_draft(turns: Sequence[Turn]) -> Draft:
    return {
        f"{position}-{name}": [getattr(turn, name)] for position, turn in enumerate(turns, start=1) for name in FIELDS
    }


def with_added(turns: Sequence[Turn]) -> list[Turn]:
    """One more turn, by whoever speaks next."""
    role = "assistant" if turns and turns[-1].role == "user" else "user"
    return [*turns, Turn(role=role)]


def with_system(turns: Sequence[Turn]) -> list[Turn]:
    return [Turn(role="system"), *turns] if not turns or turns[0].role != "system" else list(turns)


def without(turns: Sequence[Turn], position: int) -> list[Turn]:
    return [turn for number, turn in enumerate(turns, start=1) if number != position]


def with_changed(turns: Sequence[Turn], position: int, **changes: str) -> list[Turn]:
    return [replace(turn, **changes) if number == position else turn for number, turn in enumerate(turns, start=1)]


def messages_before(turns: Sequence[Turn], position: int) -> list[Message]:
    """What the model reads when it is asked for the turn at `position`."""
    return [{"role": turn.role, "content": turn.text} for turn in turns[: position - 1]]


def faults_of(turns: Sequence[Turn]) -> list[TurnFault]:
    """All that keeps a dialogue from being handed in, turn by turn."""
    faults = [
        TurnFault(position=position, fault=fault)
        for position, turn in enumerate(turns, start=1)
        for fault in _faults_at(turns, position, turn)
    ]
    if turns[-1].role != "assistant":
        faults.append(TurnFault(position=len(turns), fault=Fault.USER_LAST))
    return faults


def _faults_at(turns: Sequence[Turn], position: int, turn: Turn) -> list[Fault]:
    previous = turns[position - 2].role if position > 1 else ""
    found = []
    if not turn.text.strip():
        found.append(Fault.EMPTY)
    if len(turn.text) > LONGEST_TURN:
        found.append(Fault.TOO_LONG)
    if turn.role == "system" and position > 1:
        found.append(Fault.SYSTEM_LATE)
    elif turn.role == previous:
        found.append(Fault.SAME_ROLE)
    elif turn.role == "assistant" and previous != "user":
        found.append(Fault.ASSISTANT_FIRST)
    return found
