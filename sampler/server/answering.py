"""A request's completions as an answer in one piece, or as server-sent events."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from sampler.chat_contract.answers import (
    DONE,
    IMPOSSIBLE,
    Answer,
    Choice,
    Chunk,
    ChunkChoice,
    Delta,
    LikelyToken,
    TokenLogprob,
    Usage,
    answer,
    choice,
    chunk,
    chunk_choice,
    event,
    usage,
)
from sampler.chat_contract.errors import ContractError
from sampler.chat_contract.requests import ChatRequest
from sampler.server.running import Growth, Running

log = logging.getLogger(__name__)

SLOWEST_SECONDS = 120.0
"""A reader that takes nothing for so long is let go of."""
ALIVE = b": at work\n\n"
Result = TypeVar("Result")


class Answering:
    """One request on its way: `whole` or `events`, once."""

    def __init__(self, asked: ChatRequest, running: Running, model: str) -> None:
        self._asked = asked
        self._running = running
        self._model = model
        self._name = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())

    async def whole(self) -> Answer:
        """Raises ContractError."""
        texts: dict[int, str] = {}
        logprobs: dict[int, list[TokenLogprob]] = {}
        ends: dict[int, str] = {}
        async for growth in self._running.growths():
            if growth is not None:
                texts[growth.index] = texts.get(growth.index, "") + growth.text
                logprobs.setdefault(growth.index, []).extend(self._logprobs(growth) or [])
                ends[growth.index] = growth.finish_reason or ""
        choices: list[Choice] = [
            choice(index, texts[index], ends[index], logprobs[index] if self._asked.logprobs else None)
            for index in sorted(texts)
        ]
        return answer(name=self._name, created=self._created, model=self._model, choices=choices, used=self._used())

    async def events(self) -> AsyncIterator[bytes]:
        """The first chunk of every choice at once, for the request is taken; errors as an event, too."""
        opened: list[ChunkChoice] = [
            chunk_choice(index, {"role": "assistant", "content": ""}) for index in range(self._asked.n)
        ]
        yield event(self._chunk(opened))
        try:
            async for growth in self._running.growths():
                if growth is None:
                    yield ALIVE
                elif growth.text or growth.finish_reason or self._asked.logprobs:
                    yield event(self._chunk([self._choice(growth)]))
        except ContractError as error:
            yield event(error.body)
        else:
            if self._asked.include_usage:
                last = self._chunk([])
                last["usage"] = self._used()
                yield event(last)
        yield DONE

    def _choice(self, growth: Growth) -> ChunkChoice:
        delta: Delta = {"content": growth.text} if growth.text else {}
        return chunk_choice(growth.index, delta, growth.finish_reason, self._logprobs(growth))

    def _chunk(self, choices: list[ChunkChoice]) -> Chunk:
        made = chunk(name=self._name, created=self._created, model=self._model, choices=choices)
        if self._asked.continuous_usage:
            made["usage"] = self._used()
        return made

    def _used(self) -> Usage:
        return usage(len(self._running.job.prompt), self._running.completion_tokens)

    def _logprobs(self, growth: Growth) -> list[TokenLogprob] | None:
        if not self._asked.logprobs:
            return None
        nothing: Sequence[Sequence[tuple[int, float]]] = [()] * len(growth.token_ids)
        beside = growth.likeliest if self._asked.top_logprobs else nothing
        return [
            {**self._likely(token, logprob), "top_logprobs": [self._likely(*each) for each in likeliest]}
            for token, logprob, likeliest in zip(growth.token_ids, growth.logprobs, beside, strict=True)
        ]

    def _likely(self, token: int, logprob: float) -> LikelyToken:
        text = self._running.sampler.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return {"token": text, "logprob": max(logprob, IMPOSSIBLE), "bytes": list(text.encode())}


class EventStream(StreamingResponse):
    """Server-sent events. `ended` is called in every case: all were sent, the reader left, or takes nothing."""

    def __init__(self, events: AsyncIterator[bytes], *, ended: Callable[[], None]) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        async def send_soon(message: Message) -> None:
            try:
                async with asyncio.timeout(SLOWEST_SECONDS):
                    await send(message)
            except TimeoutError:
                log.warning("let go of a reader, who took nothing for %.0f seconds", SLOWEST_SECONDS)
                raise

        try:
            with suppress(TimeoutError, OSError):
                await unless_gone(self.stream_response(send_soon), receive)
        finally:
            self._ended()


async def unless_gone(work: Awaitable[Result], receive: Receive) -> Result | None:
    """What `work` returns; None, and it is cancelled, where the client hangs up before."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(gone())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
