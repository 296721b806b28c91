"""What the engine works on: jobs that wait, and their completions as rows that are live."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sampler.protocol import SampleRequest
from sampler.shared_keys import PromptKeys


@dataclass(kw_only=True, eq=False)
class Job:
    """One request: its prompt is read once, then its completions are rows, as many at a time as there is room."""

    request: SampleRequest
    prompt: Sequence[int]
    """Token ids, at least one."""
    interactive: bool = False
    """Somebody waits for it: it goes ahead of what is queued."""
    scope: str = ""
    """Whose prompt it is. Only prompts of the same scope begin where an earlier one ended; "": with nobody's."""
    on_token: Callable[["LiveRow"], None] | None = None
    """Told after every token of every row, in the engine's thread."""

    keys: PromptKeys = field(default_factory=PromptKeys)
    logits: Tensor | None = None
    """float32 [vocabulary] behind the prompt's last token, once it has been read."""
    waiting: list[int] = field(default_factory=list)
    """Completions that are not yet begun, by index, last first."""
    done: dict[int, "LiveRow"] = field(default_factory=dict)
    submitted: bool = False
    submitted_at: float = 0.0
    """By the monotonic clock."""
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.waiting = list(reversed(range(self.request.num_completions)))

    @property
    def is_done(self) -> bool:
        return self.cancelled or len(self.done) == self.request.num_completions

    def cancel(self) -> None:
        """Its rows leave before the next token; nobody is told of them any more."""
        self.cancelled = True

    def let_go(self) -> None:
        """Of what its rows needed, when there are none any more: whoever waits for it may keep it for long."""
        self.keys, self.logits = PromptKeys(), None


@dataclass(kw_only=True, eq=False)
class LiveRow:
    """One completion on its way."""

    job: Job
    index: int
    uniforms: Tensor
    """float64 [max_new_tokens]: what its seed draws."""
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    likeliest: list[Sequence[tuple[int, float]]] = field(default_factory=list)
    """At each token, the likeliest ones with their log-probabilities; empty where nobody asked for them."""
    text: str = ""
    """What can be shown of it: whole characters, and nothing that may still turn out to be a stop."""
    finish_reason: str = ""
    """Empty while it goes on; `stop`, `length`, or `fault` where the model computed no usable probabilities."""
    first_token_at: float = 0.0
    last_token_at: float = 0.0
    """By the monotonic clock, as the job's `submitted_at`."""

    @property
    def seed(self) -> int:
        return self.job.request.seed + self.index

    @property
    def first_token_seconds(self) -> float:
        """Since the job was submitted."""
        return self.first_token_at - self.job.submitted_at

    @property
    def seconds(self) -> float:
        """Until its last token so far, since the job was submitted."""
        return self.last_token_at - self.job.submitted_at

    def add(self, token: int, logprob: float, at: float) -> None:
        """Takes a token that was drawn `at` that moment of the monotonic clock."""
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.first_token_at = self.first_token_at or at
        self.last_token_at = at


def seeded(seed: int, steps: int) -> Tensor:
    """float64 [steps] in [0, 1): what the CPU's generator draws from the seed on every device."""
    return torch.rand(steps, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
