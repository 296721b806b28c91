"""Completions from any causal language model that transformers can load, on one CPU or one GPU."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
)

from lm.conversation_tokens import ConversationTokens
from lm.device import fastest_dtype, find_device
from lm.errors import UnusablePrompt
from lm.model_directory import check_language_model, context_length
from lm.pretrained import load_model, load_tokenizer
from lm.prompt_format import plain_completion
from lm.white_space import kept_answer
from sampler.batches import Row, batches_of, rows_of
from sampler.protocol import PromptTooLong, SampledCompletion, SampleRequest
from sampler.seeded_draw import SeededDraw, seeded_uniforms
from sampler.turn_end import TurnEnd, end_token_ids


class ModelFault(RuntimeError):
    """The model loads but does not compute; the message says what to try."""


@dataclass(frozen=True, kw_only=True)
class TransformersSampler:
    """Implements `sampler.protocol.Sampler`; make one with `load`.

    A model with a chat template is prompted with it, any other in the plain format of `lm.prompt_format`. Sampling
    settings of the model's own generation_config.json (top_k, repetition_penalty, …) are left out, so that the
    temperature, top_p and seed of its request are a completion's whole provenance.
    """

    model: Any
    tokenizer: Any
    conversations: ConversationTokens
    context: int
    """Tokens that the model reads and writes in all."""
    end_tokens: Tensor
    max_batch_tokens: int

    @classmethod
    def load(
        cls, path: Path | str, *, device: str = "auto", dtype: str = "auto", max_batch_tokens: int = 32_768
    ) -> Self:
        """Load the checkpoint directory `path`, from disk alone. Raises UnusableModel.

        `device`: `auto` (the first GPU if there is one, else the CPU) or a torch device. `dtype`: `auto` (see
        `fastest_dtype`), `float32`, `bfloat16` or `float16`. `max_batch_tokens` bounds the key-value cache: prompts,
        with padding, and new tokens of what is generated together; 32,768 tokens of a model like GPT-J 6B take 15 GB.
        """
        check_language_model(path)
        # Draws are made in float64, which other accelerators than CUDA's don't have.
        placed = find_device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        tokenizer = load_tokenizer(str(path))
        model, _ = load_model(
            AutoModelForCausalLM,
            str(path),
            dtype=fastest_dtype(placed) if dtype == "auto" else getattr(torch, dtype),
            local_files_only=True,
        )
        conversations = ConversationTokens.of(tokenizer)
        ends = end_token_ids(tokenizer, conversations, model.generation_config)
        end_tokens = torch.tensor(ends, dtype=torch.int64, device=placed)
        model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
        return cls(
            model=model.to(placed).eval(),
            tokenizer=tokenizer,
            conversations=conversations,
            context=context_length(path),
            end_tokens=end_tokens,
            max_batch_tokens=max_batch_tokens,
        )

    def sample(self, requests: Sequence[SampleRequest]) -> list[list[SampledCompletion]]:
        """Samples as `sampler.protocol.Sampler` says. Raises UnusablePrompt before, and ModelFault while sampling.

        Batches of different shapes round differently, so in bfloat16 a completion can part ways with itself where two
        tokens were all but equally likely; in float32 that is rare.
        """
        rows = rows_of(requests, [self._prompt_tokens(request) for request in requests])
        sampled: dict[tuple[int, int], SampledCompletion] = {}
        for batch in batches_of(rows, max_tokens=self.max_batch_tokens):
            for row, completion in zip(batch, self._generate(batch), strict=True):
                sampled[row.request_index, row.index] = completion
        return [
            [sampled[number, index] for index in range(request.num_completions)]
            for number, request in enumerate(requests)
        ]

    @property
    def _vocabulary(self) -> int:
        return int(self.model.get_input_embeddings().num_embeddings)

    def _prompt_tokens(self, request: SampleRequest) -> list[int]:
        tokens = self.conversations.prompt_ids(request.messages)
        if max(tokens, default=0) >= self._vocabulary:
            raise UnusablePrompt(
                f"The tokenizer makes token {max(tokens)} of the prompt and the model knows {self._vocabulary}: they "
                "don't belong together"
            )
        if len(tokens) > self.context - request.max_new_tokens:
            raise PromptTooLong(tokens=len(tokens), context=self.context, max_new_tokens=request.max_new_tokens)
        return tokens

    @torch.inference_mode()
    def _generate(self, rows: Sequence[Row]) -> list[SampledCompletion]:
        device = self.end_tokens.device
        steps = rows[0].request.max_new_tokens
        padding = self.tokenizer.pad_token_id or 0
        if padding >= self._vocabulary:
            padding = 0  # added to the tokenizer alone; what stands before a prompt is masked
        input_ids, attention_mask = _left_padded([row.prompt for row in rows], padding)  # both [rows, width]
        draw = SeededDraw(
            prompt_width=input_ids.shape[1],
            uniforms=seeded_uniforms([row.seed for row in rows], steps).to(device),
            temperatures=torch.tensor([row.request.temperature for row in rows], device=device),
            top_ps=torch.tensor([row.request.top_p for row in rows], device=device),
        )
        end = TurnEnd(
            prompt_width=input_ids.shape[1],
            rows=len(rows),
            end_tokens=self.end_tokens,
            tokenizer=self.tokenizer,
            markers=self.conversations.plain,
        )
        output = self.model.generate(
            input_ids.to(device),
            attention_mask=attention_mask.to(device),
            generation_config=_greedy(steps, padding),
            logits_processor=LogitsProcessorList([draw]),
            stopping_criteria=StoppingCriteriaList([end]),
        )
        generated = output[:, input_ids.shape[1] :].tolist()
        return [
            self._completion(row, tokens, length, logprobs)
            for row, tokens, length, logprobs in zip(
                rows, generated, end.lengths.tolist(), draw.logprobs.tolist(), strict=True
            )
        ]

    def _completion(self, row: Row, tokens: list[int], length: int, logprobs: list[float]) -> SampledCompletion:
        """`length` is 0 for a row that `max_new_tokens` cut off."""
        count = length or len(tokens)
        text: str = self.tokenizer.decode(tokens[:count], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        mean_logprob = sum(logprobs[:count]) / count
        if not math.isfinite(mean_logprob):
            raise ModelFault(
                f"The model computed no usable probabilities in {self.model.dtype}. Load it with dtype=float32; if "
                "that does not help, its weights are damaged."
            )
        return SampledCompletion(
            text=plain_completion(text) if self.conversations.plain else kept_answer(text),
            token_count=count,
            finish_reason="stop" if length else "length",
            mean_logprob=mean_logprob,
            seed=row.seed,
        )


def _greedy(steps: int, padding: int) -> GenerationConfig:
    return GenerationConfig(max_new_tokens=steps, do_sample=False, pad_token_id=padding)  # type: ignore[no-untyped-call]


def _left_padded(prompts: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask, int64 [rows, longest prompt]."""
    width = max(len(prompt) for prompt in prompts)
    ids = [[padding] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids), torch.tensor(mask)
