"""What a public format is: how its records are known, and what they are in Concord's own fields. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from labeling.imports.rules.rows import FieldRefused
from lm.prompt_format import Message

Record = Mapping[str, object]


class Answer(TypedDict, total=False):
    """An answer in Concord's own field `completions`. `score`: better is more; ranks are made of it."""

    text: str
    model: str
    rank: int
    score: float


UNNAMED = "unknown"
"""The model name of an answer of which the file names none."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """`name` is what people call it. A record has all of `needs`, and may have `left_out`, which say nothing here.

    `convert` returns records in Concord's own fields. `one_answer_a_line`: all lines of one prompt are one
    record.
    """

    name: str
    needs: frozenset[str]
    convert: Callable[[Record], list[Record]]
    also: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    fits: Callable[[Record], bool] = lambda _: True
    one_answer_a_line: bool = False


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def text_of(record: Record, field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str):
        raise FieldRefused(f"{field} must be a text.", field=field)
    return value


def number_of(value: object, field: str) -> float:
    """Numbers of CSV files are texts. Raises FieldRefused."""
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            number = float(value)
            if number == number:  # not NaN
                return number
    except ValueError:
        pass
    raise FieldRefused(f"{field} must be a number.", field=field)


def messages_of(value: object, field: str) -> list[Message]:
    """A text is one user message; of a list an empty system message is left out. Raises FieldRefused."""
    if isinstance(value, str):
        return [Message(role="user", content=value)]
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise FieldRefused(f"{field} must be a text or a list of messages.", field=field)
    if value and value[0].get("role") == "system" and value[0].get("content") in ("", None):
        return value[1:]
    return value


def instruction_of(record: Record) -> dict[str, object]:
    """An instruction with its input, as Alpaca and what was made after it have them."""
    return {name: record[name] for name in ("instruction", "input") if name in record}


def ranked_by_score(answers: Sequence[Answer]) -> list[Answer]:
    """Replaces scores by ranks: the highest is 1, equal scores tie."""
    order = sorted({answer["score"] for answer in answers}, reverse=True)
    return [
        Answer(text=answer["text"], model=answer.get("model", UNNAMED), rank=order.index(answer["score"]) + 1)
        for answer in answers
    ]


def better_and_worse(chosen: str, rejected: str, *, models: tuple[str, str] = (UNNAMED, UNNAMED)) -> list[Answer]:
    return [
        Answer(text=text, model=model, rank=rank)
        for text, model, rank in zip((chosen, rejected), models, (1, 2), strict=True)
    ]


def by_preference(first: Answer, second: Answer, preference: float) -> list[Answer]:
    """Below 0 the first is better, above 0 the second, at 0 they tie."""
    ranks = (1, 1) if preference == 0 else (1, 2) if preference < 0 else (2, 1)
    return [Answer(text=each["text"], model=each.get("model", UNNAMED), rank=rank)
            for each, rank in zip((first, second), ranks, strict=True)]  # fmt: skip


def refuse_unknown_keys(message: Mapping[str, object], known: Sequence[str], name: str, field: str) -> None:
    if unknown := next((key for key, value in message.items() if key not in known and value is not None), None):
        raise FieldRefused(
            f"{name} has the key “{unknown}”, for which there is no place. To leave it out, ignore it by name.",
            field=field,
        )


def answer_behind(conversation: list[Message], field: str) -> tuple[list[Message], str]:
    """Splits a conversation into what comes before its last message, and that message's text. Raises FieldRefused."""
    if not conversation or conversation[-1].get("role") != "assistant":
        raise FieldRefused(f"{field} must end with a message of the assistant.", field=field)
    refuse_unknown_keys(conversation[-1], ("role", "content"), f"The last message of {field}", field)
    last = conversation[-1].get("content")
    if not isinstance(last, str):
        raise FieldRefused(f"The last message of {field} has no text.", field=field)
    return conversation[:-1], last
