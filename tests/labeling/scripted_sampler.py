"""A sampler that says what the test wrote down for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

from sampler.protocol import PromptTooLong, SampledCompletion, SampleRequest


class ScriptedSampler:
    """Answers with the scripted texts, in order. What is to be done `meanwhile` is done once, before the answer."""

    def __init__(self, *texts: str, refuse: Callable[[SampleRequest], bool] = lambda _: False) -> None:
        self.texts = list(texts)
        self.numbers = count(1)
        self.requests: list[SampleRequest] = []
        self.refuse = refuse

    def sample(
        self, requests: Sequence[SampleRequest], *, meanwhile: Callable[[], object] | None = None
    ) -> list[list[SampledCompletion]]:
        self.requests += requests
        if any(self.refuse(request) for request in requests):
            raise PromptTooLong(tokens=3000, context=2048, max_new_tokens=256)
        if meanwhile is not None:
            meanwhile()
        return [[self._next(request) for _ in range(request.num_completions)] for request in requests]

    def _next(self, request: SampleRequest) -> SampledCompletion:
        text = self.texts.pop(0) if self.texts else f"text {next(self.numbers)}"
        return SampledCompletion(
            text=text, token_count=3, finish_reason="stop", mean_logprob=-1.0, seed=request.seed, token_ids=(7, 8, 9),
            logprobs=(-0.5, -1.0, -1.5), first_token_seconds=0.25, seconds=76.543,
        )  # fmt: skip


class TellsLittle(ScriptedSampler):
    """As a server that gives neither tokens nor the time of the first one."""

    def _next(self, request: SampleRequest) -> SampledCompletion:
        return replace(super()._next(request), token_ids=(), logprobs=(), first_token_seconds=None)
