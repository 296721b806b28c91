"""Completions from any causal language model that transformers can load, on one CPU or one GPU."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

from lm.conversation_tokens import ConversationTokens
from lm.device import fastest_dtype, find_device
from lm.errors import UnusablePrompt
from lm.model_directory import check_language_model, context_length
from lm.pretrained import load_model, load_tokenizer
from lm.prompt_format import Message
from sampler.engine import Engine
from sampler.memory_budget import bytes_per_token, tokens_that_fit
from sampler.packed_layers import pack_layers
from sampler.protocol import ModelFault, PromptTooLong, SampledCompletion, SampleRequest, SamplerSight
from sampler.rows import Job, LiveRow
from sampler.turn_end import TurnEnd, end_token_ids

PROMPTS_ON_A_GPU = 16


def prompts_at_once() -> int:
    """How many prompts to sample for together on this machine: a step of one prompt's rows leaves a GPU idle, and keeps
    a processor busy."""
    return PROMPTS_ON_A_GPU if torch.cuda.is_available() else 1


@dataclass(frozen=True, kw_only=True)
class TransformersSampler:
    """Implements `sampler.protocol.Sampler`; make one with `load`.

    A model with a chat template is prompted with it, any other in the plain format of `lm.prompt_format`. Sampling
    settings of the model's own generation_config.json (top_k, repetition_penalty, …) are left out, so that its
    request and seed are a completion's whole provenance.
    """

    model: Any
    tokenizer: Any
    conversations: ConversationTokens
    context: int
    """Tokens that the model reads and writes in all."""
    end_tokens: Sequence[int]
    max_batch_tokens: int
    max_rows: int = 256

    @classmethod
    def load(
        cls, path: Path | str, *, device: str = "auto", dtype: str = "auto", max_batch_tokens: int | None = None
    ) -> Self:
        """Load the checkpoint directory `path`, from disk alone. Raises UnusableModel.

        `device`: `auto` (the first GPU if there is one, else the CPU) or a torch device. `dtype`: `auto` (see
        `fastest_dtype`), `float32`, `bfloat16` or `float16`. `max_batch_tokens` bounds the keys and values that are
        held at once, prompts and new tokens; None: as many as fit into half of the memory that is free.
        """
        check_language_model(path)
        # Draws are made in float64, which other accelerators than CUDA's don't have.
        placed = find_device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        tokenizer = load_tokenizer(str(path))
        precision = fastest_dtype(placed) if dtype == "auto" else getattr(torch, dtype)
        model, _ = load_model(AutoModelForCausalLM, str(path), dtype=precision, local_files_only=True)
        conversations = ConversationTokens.of(tokenizer)
        ends = end_token_ids(tokenizer, conversations, model.generation_config)
        model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
        pack_layers(model.to(placed).eval())
        return cls(
            model=model,
            tokenizer=tokenizer,
            conversations=conversations,
            context=context_length(path),
            end_tokens=ends,
            max_batch_tokens=max_batch_tokens or tokens_that_fit(model.config, precision, placed),
        )

    def sample(
        self, requests: Sequence[SampleRequest], *, meanwhile: Callable[[], object] | None = None
    ) -> list[list[SampledCompletion]]:
        """Samples as `sampler.protocol.Sampler` says. Raises UnusablePrompt before, and ModelFault while sampling.

        Rows that others share a step with round differently, so in bfloat16 a completion can part ways with itself
        where two tokens were all but equally likely; in float32 that is rare.
        """
        jobs = [Job(request=request, prompt=self._prompt_tokens(request)) for request in requests]
        for job in jobs:
            self.engine.submit(job)
        try:
            while not all(job.is_done for job in jobs):
                if meanwhile is not None:
                    meanwhile()
                self.engine.step()
        finally:
            for job in jobs:
                job.cancel()
        return [[self.completion(job.done[index]) for index in range(job.request.num_completions)] for job in jobs]

    def stream(self, request: SampleRequest, *, scope: str = "") -> Generator[str, None, SampledCompletion]:
        """One completion as it grows: each time what was added to its text, and at last the completion. Raises as
        `sample` does.

        `scope`: whose conversation it is, so that its next turn need not read it anew; "": nobody's.
        """
        job = Job(request=request, prompt=self._prompt_tokens(request), interactive=True, scope=scope)
        rows: list[LiveRow] = []
        job.on_token = rows.append
        self.engine.submit(job)
        shown = ""
        try:
            while not job.is_done:
                self.engine.step()
                if rows:
                    row = rows[-1]
                    text = self._turn_end.text_so_far(request, row.tokens)
                    if job.is_done:
                        text = self.completion(row).text
                    if len(text) > len(shown):
                        yield text[len(shown) :]
                        shown = text
        finally:
            job.cancel()
        return self.completion(job.done[0])

    @cached_property
    def engine(self) -> Engine:
        """What samples; it lives as long as the model."""
        return Engine(
            self.model,
            end_tokens=self.end_tokens,
            has_stopped=lambda row: self._turn_end.has_stopped(row.job.request, row.tokens),
            max_tokens=self.max_batch_tokens,
            max_rows=self.max_rows,
        )

    def sight(self) -> SamplerSight:
        """As `sampler.protocol.SightedSampler` says."""
        sight, bytes_each = self.engine.sight, bytes_per_token(self.model.config, self.model.dtype)
        return SamplerSight(
            prompt_tokens=sight.prompt_tokens,
            prefix_tokens=self.engine.prefix_tokens,
            new_tokens=sight.new_tokens,
            steps=sight.steps,
            rows_in_steps=sight.rows_in_steps,
            halvings=sight.halvings,
            first_tokens=sight.first_tokens,
            first_token_seconds=sight.first_token_seconds,
            cache_bytes=self.engine.held_tokens * bytes_each,
            cache_limit_bytes=self.max_batch_tokens * bytes_each,
        )

    @cached_property
    def _turn_end(self) -> TurnEnd:
        return TurnEnd(tokenizer=self.tokenizer, markers=self.conversations.plain)

    @property
    def _vocabulary(self) -> int:
        return int(self.model.get_input_embeddings().num_embeddings)

    def text_so_far(self, row: LiveRow, tokens: int) -> str:
        """Of a row that goes on, the text of its first tokens that stays as it is, whatever comes."""
        return self._turn_end.text_so_far(row.job.request, row.tokens[:tokens])

    def prompt_tokens(self, messages: Sequence[Message]) -> list[int]:
        """The conversation as the model reads it. Raises UnusablePrompt."""
        tokens = self.conversations.prompt_ids(messages)
        if max(tokens, default=0) >= self._vocabulary:
            raise UnusablePrompt(
                f"The tokenizer makes token {max(tokens)} of the prompt and the model knows {self._vocabulary}: they "
                "don't belong together"
            )
        return tokens

    def _prompt_tokens(self, request: SampleRequest) -> list[int]:
        tokens = self.prompt_tokens(request.messages)
        if len(tokens) > self.context - request.max_new_tokens:
            raise PromptTooLong(tokens=len(tokens), context=self.context, max_new_tokens=request.max_new_tokens)
        return tokens

    def completion(self, row: LiveRow) -> SampledCompletion:
        """A row that has ended. Raises ModelFault."""
        if row.finish_reason == "fault":
            raise ModelFault(
                f"The model computed no usable probabilities in {self.model.dtype}. Load it with dtype=float32; if "
                "that does not help, its weights are damaged."
            )
        return SampledCompletion(
            text=self._turn_end.text(row.job.request, row.tokens),
            token_count=len(row.tokens),
            finish_reason="stop" if row.finish_reason == "stop" else "length",
            mean_logprob=sum(row.logprobs) / len(row.logprobs),
            seed=row.seed,
            token_ids=tuple(row.tokens),
            logprobs=tuple(row.logprobs),
            first_token_seconds=row.first_token_seconds,
            seconds=row.seconds,
        )
