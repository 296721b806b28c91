"""A model that is being served: its engine, in a thread of its own."""

import asyncio
import logging
import threading
import time

from lm.errors import UnusablePrompt
from sampler.chat_contract.errors import ContractError
from sampler.chat_contract.requests import DEFAULT_MAX_TOKENS, ChatRequest
from sampler.protocol import PromptTooLong
from sampler.rows import Job
from sampler.server.running import Running
from sampler.transformers_sampler import TransformersSampler

log = logging.getLogger(__name__)

RETRY_SECONDS = 2


class Retired(Exception):
    """Nothing new is taken."""


class Hosted:
    """`begin` and `cancel` may be called from any thread. Retired, it answers what it has taken, and ends."""

    def __init__(self, name: str, sampler: TransformersSampler, *, most_waiting: int) -> None:
        self.name = name
        self.sampler = sampler
        self.since = int(time.time())
        self.used = time.monotonic()
        self.refused = 0
        """Requests that were sent away since too many waited."""
        self._most_waiting = most_waiting
        self._running: set[Running] = set()
        self._retired = False
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"engine of {name}", daemon=True)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        with self._lock:
            return sum(running.waits for running in self._running)

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def begin(self, asked: ChatRequest, *, scope: str, loop: asyncio.AbstractEventLoop) -> Running:
        """Takes a request. Raises ContractError, and Retired."""
        prompt = self._prompt(asked)
        most = asked.max_tokens or min(DEFAULT_MAX_TOKENS, self.sampler.context - len(prompt))
        if most < 1 or len(prompt) + most > self.sampler.context:
            raise _too_long(len(prompt), self.sampler.context, asked.max_tokens)
        job = Job(request=asked.sample_request(most), prompt=prompt, interactive=True, scope=scope)
        running = Running(sampler=self.sampler, job=job, loop=loop)
        if self.waiting >= self._most_waiting:
            self.refused += 1
            raise ContractError(
                f"{self._most_waiting} requests wait for {self.name} already. Try again in a moment.",
                status=503,
                code="overloaded",
                retry_after=RETRY_SECONDS,
            )
        with self._lock:
            if self._retired:
                raise Retired
            self._running.add(running)
            self.used = time.monotonic()
        self.sampler.engine.submit(job)
        self._wake.set()
        return running

    def end(self, running: Running) -> None:
        """Nobody waits for it any more: whether or not it is done, its rows leave."""
        running.job.cancel()
        with self._lock:
            self._running.discard(running)
        self._wake.set()

    def retire(self) -> None:
        with self._lock:
            self._retired = True
        self._wake.set()

    def _prompt(self, asked: ChatRequest) -> list[int]:
        try:
            return self.sampler.prompt_tokens(asked.messages)
        except UnusablePrompt as refused:
            raise ContractError(str(refused), param="messages") from refused

    def _run(self) -> None:
        engine = self.sampler.engine
        while True:
            self._wake.wait()
            self._wake.clear()
            while not engine.is_idle:
                try:
                    engine.step()
                except Exception:
                    # Whatever went wrong is in the log; those who wait are told, and the next ones start afresh.
                    log.exception("%s could not go on", self.name)
                    self._fail_all()
            with self._lock:
                if self._retired and not self._running:
                    return

    def _fail_all(self) -> None:
        with self._lock:
            failed = list(self._running)
        for running in failed:
            running.job.cancel()
            running.fail(ContractError(f"{self.name} could not go on. Try again.", status=500))


def _too_long(tokens: int, context: int, max_tokens: int | None) -> ContractError:
    said = str(PromptTooLong(tokens=tokens, context=context, max_new_tokens=max_tokens or 1))
    return ContractError(said, param="messages", code="context_length_exceeded")
