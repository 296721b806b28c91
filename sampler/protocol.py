"""What a sampler is asked for and what it answers.

The labeling side and every sampler meet in these classes alone, so this module imports neither torch nor Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lm.errors import UnusablePrompt
from lm.prompt_format import Message

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """`num_completions` independent continuations of one conversation.

    Completion number `i` is drawn with the seed `seed + i`, and depends on that, the model, the messages,
    `temperature`, `top_p` and `max_new_tokens` alone, not on what else is sampled in the same call.
    """

    messages: Sequence[Message]
    num_completions: int
    seed: int
    """From 0; `seed + num_completions` stays below 2**63, so that every completion's seed fits a Postgres bigint."""
    temperature: float = 1.0
    """0 takes the likeliest token at every step."""
    top_p: float = 1.0
    """Only the fewest likeliest tokens whose probabilities reach `top_p` (Holtzman et al. 2020, section 3.1)."""
    max_new_tokens: int = 256

    def __post_init__(self) -> None:
        if not self.messages:
            raise ValueError("The request has no messages: there is nothing to continue.")
        if self.num_completions < 1:
            raise ValueError(f"num_completions is {self.num_completions}; ask for at least 1.")
        if not 0 <= self.seed < 2**63 - self.num_completions:
            raise ValueError(f"seed is {self.seed}; it must lie between 0 and 2**63 less num_completions.")
        if self.temperature < 0:
            raise ValueError(f"temperature is {self.temperature}; it must be 0 (greedy) or more.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be above 0 and at most 1.")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {self.max_new_tokens}; ask for at least 1.")


@dataclass(frozen=True, kw_only=True)
class SampledCompletion:
    text: str
    """Without special tokens and white space that nobody sees (lm/white_space.py). May be empty: the model may end its
    turn at once."""
    token_count: int
    """Sampled tokens, the one that ended the turn included."""
    finish_reason: FinishReason
    """`stop`: the model ended its turn. `length`: cut off at `max_new_tokens`."""
    mean_logprob: float
    """Mean natural log-probability per token under the model itself: temperature 1, nothing filtered."""
    seed: int
    """The request's seed + the completion's index: a request for one completion with this seed gives the same text."""


class Sampler(Protocol):
    def sample(self, requests: Sequence[SampleRequest]) -> list[list[SampledCompletion]]:
        """The completions of each request, in order. Raises `UnusablePrompt` before anything is sampled."""
        ...


class PromptTooLong(UnusablePrompt):
    """The prompt leaves no room for `max_new_tokens` in the model's context. Nothing is ever cut to make it fit."""

    def __init__(self, *, tokens: int, context: int, max_new_tokens: int) -> None:
        self.tokens = tokens
        self.limit = context - max_new_tokens
        super().__init__(
            f"The prompt has {tokens} tokens; at most {self.limit} fit, since the model's context is {context} tokens "
            f"and {max_new_tokens} of them are kept for the answer. Shorten the prompt or lower max_new_tokens."
        )
