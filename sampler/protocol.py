"""What a sampler is asked for and what it answers.

The labeling side and every sampler meet in these classes alone, so this module imports neither torch nor Django.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypedDict, runtime_checkable

from lm.errors import Failed, UnusablePrompt
from lm.prompt_format import Message

FinishReason = Literal["stop", "length"]

MOST_STOPS = 4
MOST_LIKELIEST = 20
"""Of stops, and of likeliest tokens: as many as OpenAI's API takes."""


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
    top_k: int = 0
    """Only the `top_k` likeliest tokens; 0: all."""
    min_p: float = 0.0
    """Only tokens at least `min_p` times as likely as the likeliest (Nguyen et al. 2024)."""
    end_logit: float = 0.0
    """Added to the logits of tokens that end the turn: above 0 for shorter answers, below for longer ones."""
    stop: Sequence[str] = ()
    """A completion ends before the first of these texts."""
    max_new_tokens: int = 256
    likeliest: int = 0
    """Of so many of the likeliest tokens at every step the log-probabilities are kept, too."""

    def __post_init__(self) -> None:
        for wrong, words in (
            (not self.messages, "The request has no messages: there is nothing to continue."),
            (self.num_completions < 1, f"num_completions is {self.num_completions}; ask for at least 1."),
            (
                not 0 <= self.seed < 2**63 - self.num_completions,
                f"seed is {self.seed}; it must lie between 0 and 2**63 less num_completions.",
            ),
            (not self.temperature >= 0, f"temperature is {self.temperature}; it must be 0 (greedy) or more."),
            (not 0 < self.top_p <= 1, f"top_p is {self.top_p}; it must be above 0 and at most 1."),
            (self.top_k < 0, f"top_k is {self.top_k}; it must be 0 (all tokens) or more."),
            (not 0 <= self.min_p <= 1, f"min_p is {self.min_p}; it must lie between 0 and 1."),
            (not -100 <= self.end_logit <= 100, f"end_logit is {self.end_logit}; it must lie between -100 and 100."),
            (len(self.stop) > MOST_STOPS, f"stop has {len(self.stop)} texts; give at most {MOST_STOPS}."),
            (not all(self.stop), "stop has an empty text, which every completion begins with; leave it out."),
            (
                not 0 <= self.likeliest <= MOST_LIKELIEST,
                f"likeliest is {self.likeliest}; it must lie between 0 and {MOST_LIKELIEST}.",
            ),
            (self.max_new_tokens < 1, f"max_new_tokens is {self.max_new_tokens}; ask for at least 1."),
        ):
            if wrong:
                raise ValueError(words)


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
    token_ids: tuple[int, ...] = ()
    """What was drawn, the token that ended the turn included. This is the lineage: in bfloat16 the same seed beside
    other completions can draw another token."""
    logprobs: tuple[float, ...] = ()
    """Of each of these tokens, as `mean_logprob`."""
    first_token_seconds: float | None = field(default=None, compare=False)
    """From when it was asked for until its first token, by the monotonic clock. None: nobody knows, since a server
    answered in one piece."""
    seconds: float | None = field(default=None, compare=False)
    """From when it was asked for until its end; of a server's answer in one piece, until that was there."""


class Sampler(Protocol):
    def sample(
        self, requests: Sequence[SampleRequest], *, meanwhile: Callable[[], object] | None = None
    ) -> list[list[SampledCompletion]]:
        """The completions of each request, in order. Raises `UnusablePrompt` before anything is sampled.

        `meanwhile` is called over and over until they are there. What it streams from this same sampler is sampled
        beside them, not after them.
        """
        ...


class SamplerSight(TypedDict):
    """What a sampler in memory has done since it was loaded, and holds now."""

    prompt_tokens: int
    """Read; those found in a prefix left out."""
    prefix_tokens: int
    """Of prompts, not read anew: another turn of the same dialogue had them."""
    new_tokens: int
    steps: int
    rows_in_steps: int
    """Divided by `steps`: how many completions were on their way at once, on average."""
    halvings: int
    """How often memory ran out, and fewer at once went on."""
    first_tokens: int
    first_token_seconds: float
    """Of all together, from asking until the first token. Divided by `first_tokens`: time to first token."""
    cache_bytes: int
    """Keys and values of prompts and completions, as the last step left them."""
    cache_limit_bytes: int


class SightedSampler(Protocol):
    def sight(self) -> SamplerSight: ...


@runtime_checkable
class StreamingSampler(Sampler, Protocol):
    def stream(self, request: SampleRequest, *, scope: str = "") -> Generator[str, None, SampledCompletion]:
        """One completion as it grows: each time what was added to its text, and at last the completion. Closing it ends
        the sampling. Raises as `sample` does.

        `scope`: whose conversation it is, so that its next turn need not read it anew; "": nobody's.
        """
        ...


class CannotSample(Failed):
    """Nothing can be sampled now, whatever is asked for; the message says why. Later it may be possible again."""


class ModelFault(RuntimeError):
    """The model loads but does not compute, for this prompt at least; the message says what to try."""


class PromptTooLong(UnusablePrompt):
    """The prompt leaves no room for `max_new_tokens` in the model's context. Nothing is ever cut to make it fit."""

    def __init__(self, *, tokens: int, context: int, max_new_tokens: int) -> None:
        self.tokens = tokens
        self.limit = context - max_new_tokens
        super().__init__(
            f"The prompt has {tokens} tokens; at most {self.limit} fit, since the model's context is {context} tokens "
            f"and {max_new_tokens} of them are kept for the answer. Shorten the prompt or lower max_new_tokens."
        )
