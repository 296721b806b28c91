"""A server's answer as completions. What can't be kept as it is said is refused, in words."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lm.white_space import kept_answer
from sampler.protocol import CannotSample, FinishReason, SampledCompletion


class ServerFault(CannotSample):
    """The server answers, and with what can't be used; asking again gives the same."""


def completions_of(answer: Any, *, seed: int, seconds: float) -> list[SampledCompletion]:
    """The whole choices of one answer, in order; those that were broken off (`finish_reason` abort and the like) are
    left out. `seed`: of the request; choice number i was drawn with seed + i where the server does so, as vLLM does.
    `seconds`: after which the answer was there.

    Raises ServerFault.
    """
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list):
        raise ServerFault("The server's answer has no list of choices: it speaks another protocol than OpenAI's.")
    return [
        completion
        for place, choice in enumerate(choices)
        if (completion := _completion(choice, place, seed=seed, seconds=seconds)) is not None
    ]


def _completion(choice: Any, place: int, *, seed: int, seconds: float) -> SampledCompletion | None:
    try:
        index = int(choice.get("index", place))  # choices may come in any order
        reason: FinishReason | None = {"stop": "stop", "length": "length"}.get(choice.get("finish_reason"))  # type: ignore[assignment]
        text = choice["message"].get("content") or ""
        if reason is None:
            return None
        logprobs = _logprobs(choice)
        ids = choice.get("token_ids") or ()
        return SampledCompletion(
            text=kept_answer(text),
            token_count=len(logprobs),
            finish_reason=reason,
            mean_logprob=sum(logprobs) / len(logprobs) if logprobs else 0.0,
            seed=seed + index,
            token_ids=tuple(ids) if len(ids) == len(logprobs) else (),
            logprobs=logprobs,
            seconds=seconds,
        )
    except (AttributeError, LookupError, TypeError) as error:
        raise ServerFault(f"A choice of the server's answer is not as OpenAI's API describes it: {error!r}") from error


def _logprobs(choice: dict[str, Any]) -> tuple[float, ...]:
    given = choice.get("logprobs")
    if given is None or given.get("content") is None:
        raise ServerFault(
            "The server gives no log-probabilities though they were asked for. `transformers serve` ignores that "
            "field, and temperature and n with it: take vLLM or SGLang, or the local engine."
        )
    logprobs = tuple(float(token["logprob"]) for token in given["content"])
    if not all(map(math.isfinite, logprobs)):
        raise ServerFault(
            "The server gives log-probabilities that are no numbers: the model computes none. Serve it in another "
            "precision; if that does not help, its weights are damaged."
        )
    return logprobs


def events_of(lines: Iterable[str]) -> Iterator[Any]:
    """The objects of a stream of server-sent events up to [DONE]. Raises ServerFault where it ends before that."""
    for line in lines:
        if not line.startswith("data:"):
            continue  # a comment that keeps the connection open, or an empty line
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        try:
            yield json.loads(data)
        except ValueError as error:
            raise ServerFault(f"An event of the server's stream is no JSON: {data[:200]!r}") from error
    raise ServerFault("The server's stream ended before its end was said.")


def added_text(event: Any) -> str:
    """What an event of a stream adds to the first choice. Raises ServerFault where it tells of an error."""
    if isinstance(event, dict) and "error" in event:
        raise ServerFault(f"The server broke its stream off: {said(event)}")
    choices: Sequence[Any] = event.get("choices") or () if isinstance(event, dict) else ()
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in choices if not choice.get("index"))


class WholeChoice:
    """The first choice of a stream, put together out of its events."""

    def __init__(self) -> None:
        self._text = ""
        self._logprobs: list[Any] = []
        self._ids: list[int] = []
        self._reason: str | None = None
        self._first_token_seconds: float | None = None

    def add(self, event: Any, *, after: float) -> None:
        """`after`: seconds since it was asked for."""
        self._text += added_text(event)
        for choice in event.get("choices") or ():
            if not choice.get("index"):
                self._logprobs += (choice.get("logprobs") or {}).get("content") or ()
                self._ids += choice.get("token_ids") or ()
                self._reason = choice.get("finish_reason") or self._reason
        if self._first_token_seconds is None and (self._text or self._logprobs):
            self._first_token_seconds = after

    def completion(self, *, seed: int, seconds: float) -> SampledCompletion:
        """Raises ServerFault where the server broke it off, or gave no log-probabilities."""
        choice = {
            "message": {"content": self._text},
            "finish_reason": self._reason,
            "logprobs": {"content": self._logprobs or (None if self._text else [])},
            "token_ids": self._ids,
        }
        found = completions_of({"choices": [choice]}, seed=seed, seconds=seconds)
        if not found:
            raise ServerFault(f"The server broke its stream off ({self._reason or 'no reason'}).")
        return replace(found[0], first_token_seconds=self._first_token_seconds)


def said(body: Any) -> str:
    """The message of an error in OpenAI's shape, FastAPI's or none, at most 500 characters."""
    found = body
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    return str(found)[:500]
