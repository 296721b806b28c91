"""Clients that stream at once, each as OpenAI's own client does it."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

import openai

WORDS = (
    "the", "tide", "rises", "and", "falls", "with", "moon", "sun", "sea", "wind", "shore", "sand", "boat", "night",
    "morning", "water", "deep", "cold", "clear",
)  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """Seconds until the first text and until the end, and tokens written."""

    first: float
    whole: float
    tokens: int


def client_of(address: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=address, api_key=key, max_retries=0, timeout=600)


def streamed(
    address: str, model: str, *, clients: int, each: int, words: int, new: int, key: str = "none"
) -> tuple[list[Answered], float]:
    """What `clients` got who each ask `each` times, one after the other, and the seconds in all."""

    def ask_on(number: int) -> list[Answered]:
        client, random = client_of(address, key), Random(number)
        return [_ask(client, model, prompt_of(random, words), new) for _ in range(each)]

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = [answered for each_client in pool.map(ask_on, range(clients)) for answered in each_client]
    return found, time.perf_counter() - started


def seconds_of_a_token(address: str, model: str, *, key: str = "none") -> float:
    """Of one request for one token, on a connection that is open."""
    client = _KEPT.setdefault((address, key), client_of(address, key))
    started = time.perf_counter()
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}], max_tokens=1)
    return time.perf_counter() - started


_KEPT: dict[tuple[str, str], openai.OpenAI] = {}


def prompt_of(random: Random, words: int) -> str:
    return " ".join(random.choice(WORDS) for _ in range(words))


def _ask(client: openai.OpenAI, model: str, prompt: str, new: int) -> Answered:
    started = time.perf_counter()
    create: Any = client.chat.completions.create
    first, pieces, tokens = 0.0, 0, 0
    for chunk in create(
        model=model,
        messages=[{"role": "user", "content": prompt}],
        max_tokens=new,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ):
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.perf_counter() - started
            pieces += 1
        if chunk.usage:
            tokens = max(tokens, chunk.usage.completion_tokens)
    return Answered(first=first, whole=time.perf_counter() - started, tokens=tokens or pieces)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
