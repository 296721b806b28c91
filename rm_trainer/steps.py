"""What a training step leaves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepResult:
    """One batch, measured before its step: its rankings' mean loss; `correct` of `pairs` pairs ordered rightly."""

    loss: float
    correct: float
    pairs: int
    computed_tokens: int = 0
    """That the layers computed, padding included."""
    tokens: int = 0
    """Of the batch's K full sequences each, as metrics.json counts them."""
    learning_rate: float = 0.0
