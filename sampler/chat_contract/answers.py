"""What `/v1/chat/completions` and `/v1/models` answer, in OpenAI's shapes."""

import json
from collections.abc import Iterable, Sequence
from typing import Literal, NotRequired, TypedDict

DONE = b"data: [DONE]\n\n"


class Usage(TypedDict):
    """The prompt counts once, whatever the number of choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


IMPOSSIBLE = -9999.0
"""OpenAI's log-probability of what can't come: JSON has no infinity."""


class LikelyToken(TypedDict):
    token: str
    logprob: float
    """Natural, of the model itself: temperature 1, nothing filtered."""
    bytes: list[int]


class TokenLogprob(LikelyToken):
    """A token that was drawn, beside the likeliest ones at its place, as many as were asked for, likeliest first."""

    top_logprobs: list[LikelyToken]


class Logprobs(TypedDict):
    content: list[TokenLogprob]
    refusal: None


class AnswerMessage(TypedDict):
    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(TypedDict):
    index: int
    message: AnswerMessage
    logprobs: Logprobs | None
    finish_reason: str


class Delta(TypedDict):
    role: NotRequired[str]
    content: NotRequired[str]


class ChunkChoice(TypedDict):
    index: int
    delta: Delta
    logprobs: Logprobs | None
    finish_reason: str | None


class Answer(TypedDict):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    """The version that answered, whatever name was asked for."""
    system_fingerprint: str
    choices: list[Choice]
    usage: Usage


class Chunk(TypedDict):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: NotRequired[Usage | None]


class ListedModel(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(TypedDict):
    object: Literal["list"]
    data: list[ListedModel]


def usage(prompt_tokens: int, completion_tokens: int) -> Usage:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def choice(index: int, text: str, finish_reason: str, logprobs: Sequence[TokenLogprob] | None) -> Choice:
    return {
        "index": index,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": _logprobs(logprobs),
        "finish_reason": finish_reason,
    }


def answer(*, name: str, created: int, model: str, choices: list[Choice], used: Usage) -> Answer:
    return {
        "id": name,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "system_fingerprint": model,
        "choices": choices,
        "usage": used,
    }


def chunk(*, name: str, created: int, model: str, choices: list[ChunkChoice]) -> Chunk:
    return {
        "id": name,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "system_fingerprint": model,
        "choices": choices,
    }


def chunk_choice(
    index: int, delta: Delta, finish_reason: str | None = None, logprobs: Sequence[TokenLogprob] | None = None
) -> ChunkChoice:
    return {"index": index, "delta": delta, "logprobs": _logprobs(logprobs), "finish_reason": finish_reason}


def listed(models: Iterable[tuple[str, int]]) -> ModelList:
    """`models`: names, with the second of the epoch since which each is there."""
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": at, "owned_by": "concord"} for name, at in models],
    }


def event(data: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _logprobs(of_tokens: Sequence[TokenLogprob] | None) -> Logprobs | None:
    return None if of_tokens is None else {"content": list(of_tokens), "refusal": None}
