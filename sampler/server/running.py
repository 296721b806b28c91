"""A request that is being answered: the engine's thread writes, the event loop reads.

Whoever reads slowly holds nobody up: the engine only ever adds tokens to rows, which have a most, and what has come
since is read when there is somebody to send it to.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sampler.chat_contract.errors import ContractError
from sampler.rows import Job, LiveRow
from sampler.transformers_sampler import TransformersSampler

ALIVE_SECONDS = 10.0
"""So often whoever waits is told that the server is at work."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What one completion has grown by."""

    index: int
    text: str
    token_ids: Sequence[int]
    logprobs: Sequence[float]
    likeliest: Sequence[Sequence[tuple[int, float]]]
    """At each of these tokens; empty where nobody asked for them."""
    finish_reason: str | None


@dataclass
class _Shown:
    text: str = ""
    tokens: int = 0
    ended: bool = False


@dataclass(kw_only=True, eq=False)
class Running:
    """One job of one model. Made in the event loop that reads it."""

    sampler: TransformersSampler
    job: Job
    loop: asyncio.AbstractEventLoop
    rows: dict[int, LiveRow] = field(default_factory=dict)
    failure: ContractError | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _shown: dict[int, _Shown] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.job.on_token = self._on_token

    @property
    def completion_tokens(self) -> int:
        return sum(len(row.tokens) for row in list(self.rows.values()))

    @property
    def waits(self) -> bool:
        """Whether its first token is still to come."""
        return not self.rows

    def fail(self, failure: ContractError) -> None:
        """In the engine's thread: nothing more comes."""
        self.failure = failure
        self._tell()

    def _on_token(self, row: LiveRow) -> None:
        """In the engine's thread."""
        self.rows[row.index] = row
        self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self.loop.call_soon_threadsafe(self.changed.set)

    async def growths(self) -> AsyncIterator[Growth | None]:
        """Until all completions have ended; None where nothing came for ALIVE_SECONDS. Raises ContractError."""
        while sum(shown.ended for shown in self._shown.values()) < self.job.request.num_completions:
            try:
                await asyncio.wait_for(self.changed.wait(), ALIVE_SECONDS)
            except TimeoutError:
                yield None
                continue
            self.changed.clear()
            if self.failure is not None:
                raise self.failure
            for row in list(self.rows.values()):
                growth = self._growth(row)
                if growth is not None:
                    yield growth

    def _growth(self, row: LiveRow) -> Growth | None:
        shown = self._shown.setdefault(row.index, _Shown())
        # The engine goes on meanwhile: it adds a token, its log-probability, and only then says that the row has ended.
        ended = row.finish_reason
        tokens = len(row.logprobs)
        if shown.ended or (tokens <= shown.tokens and not ended):
            return None
        if ended == "fault":
            raise ContractError("The model computed no usable probabilities; its weights are damaged.", status=500)
        text = self.sampler.completion(row).text if ended else self.sampler.text_so_far(row, tokens)
        if not text.startswith(shown.text):
            # Memory ran out, the row began again by the same seed, and a rounding led it elsewhere.
            raise ContractError("Memory ran out in the middle of the answer. Ask again.", status=503, retry_after=5)
        growth = Growth(
            index=row.index,
            text=text[len(shown.text) :],
            token_ids=row.tokens[shown.tokens : tokens],
            logprobs=row.logprobs[shown.tokens : tokens],
            likeliest=row.likeliest[shown.tokens : tokens],
            finish_reason=ended or None,
        )
        shown.text, shown.tokens, shown.ended = text, tokens, bool(ended)
        return growth
