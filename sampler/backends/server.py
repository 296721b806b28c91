"""Completions from an OpenAI-compatible server that holds the same weights: vLLM, SGLang and their like."""

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from lm.model_directory import context_length
from lm.prompt_tokens import count_tokens
from sampler.backends.answers import WholeChoice, added_text, completions_of
from sampler.backends.connection import Connection, ServerDown
from sampler.backends.dialects import Dialect, payload_of
from sampler.protocol import PromptTooLong, SampledCompletion, SampleRequest

EMPTY_ROUNDS = 2
"""So many answers in a row that bring no choice at all, and the server counts as down."""
BETWEEN_LOOKS = 0.1
"""Seconds, while answers are waited for, between two calls of `meanwhile`."""


@dataclass(frozen=True, kw_only=True)
class ServerSampler:
    """Implements `sampler.protocol.Sampler`."""

    connection: Connection
    dialect: Dialect
    model: str
    """The name under which the server knows the weights."""
    path: Path
    """The directory with the same model: its tokenizer counts prompts, so that one too long is never sent."""

    def sample(
        self, requests: Sequence[SampleRequest], *, meanwhile: Callable[[], object] | None = None
    ) -> list[list[SampledCompletion]]:
        """As `sampler.protocol.Sampler` says. Raises UnusablePrompt before anything is sampled where the model's files
        tell, Unsupported, ServerDown, ServerFault."""
        for request in requests:
            self._admit(request)
        with ThreadPoolExecutor(min(len(requests), self.connection.limits.concurrency) or 1) as threads:
            asked = [threads.submit(self._all_of, request) for request in requests]
            try:
                while meanwhile is not None:
                    ended, not_ended = wait(asked, BETWEEN_LOOKS, FIRST_EXCEPTION)
                    if not not_ended or any(each.exception() for each in ended):
                        break
                    meanwhile()
                return [each.result() for each in asked]
            finally:  # what has not begun when another fails never begins
                for each in asked:
                    each.cancel()

    def stream(
        self,
        request: SampleRequest,
        *,
        scope: str = "",  # noqa: ARG002
    ) -> Generator[str, None, SampledCompletion]:
        """One completion as it grows, as TransformersSampler.stream. `scope` is the server's own affair."""
        self._admit(request)
        payload = payload_of(request, model=self.model, dialect=self.dialect, stream=True)
        begun = False
        whole = WholeChoice()
        asked = time.monotonic()
        for event in self.connection.stream(payload):
            whole.add(event, after=time.monotonic() - asked)
            text = added_text(event)
            if not begun:  # white space before an answer is never kept
                text = text.lstrip()
            if text:
                begun = True
                yield text
        return whole.completion(seed=request.seed, seconds=time.monotonic() - asked)

    def _admit(self, request: SampleRequest) -> None:
        payload_of(request, model=self.model, dialect=self.dialect)
        tokens, context = count_tokens(self.path, request.messages), context_length(self.path)
        if tokens > context - request.max_new_tokens:
            raise PromptTooLong(tokens=tokens, context=context, max_new_tokens=request.max_new_tokens)

    def _all_of(self, request: SampleRequest) -> list[SampledCompletion]:
        """A server that gives fewer choices than it was asked for is asked for the rest, under further seeds."""
        found: list[SampledCompletion] = []
        empty, seed = 0, request.seed
        while (missing := request.num_completions - len(found)) and empty < EMPTY_ROUNDS:
            payload = payload_of(
                replace(request, num_completions=missing, seed=seed), model=self.model, dialect=self.dialect
            )
            asked = time.monotonic()
            answer = self.connection.ask(payload)
            some = completions_of(answer, seed=seed, seconds=time.monotonic() - asked)[:missing]
            empty, seed = 0 if some else empty + 1, seed + missing  # those of what was broken off stay theirs
            found += some
        if missing:
            raise ServerDown(
                f"The sampling server {self.connection.address} gave {len(found)} of {request.num_completions} "
                "completions and broke off the others. It is tried again later."
            )
        return found
