"""The pretraining mix: γ · E[log π(x)] over pretraining text beside the reward (InstructGPT §3.5, equation 2: PPO-ptx).

**Advantages must not be divided by their own batch's standard deviation beside it.** As the policy converges they
shrink; whitened they keep their size, and the mix, which shrinks with the rest, is drowned: on a bandit whose optimum
is known the policy then ends where it would without any mix. So a run's scale is frozen (`Scale`), or there is none.
"""

from dataclasses import dataclass

from torch import Tensor


def language_model_loss(log_probs: Tensor, *, tokens: int) -> Tensor:
    """−Σ log π of the tokens [T] here, divided by the `tokens` of the whole batch, so that parts of it add up."""
    return -log_probs.sum() / tokens


@dataclass(frozen=True)
class Scale:
    """What advantages are divided by, the same for a whole run."""

    value: float = 1.0

    @classmethod
    def of_first(cls, advantages: Tensor) -> "Scale":
        """The standard deviation of the first iteration's advantages; 1 where they are all alike."""
        deviation = float(advantages.std(correction=0))
        return cls(deviation if deviation > 1e-8 else 1.0)


def whitened(advantages: Tensor) -> Tensor:
    """(A − mean) / standard deviation of the batch; what is all alike becomes 0."""
    return (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)
