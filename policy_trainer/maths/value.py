"""The value function's loss, clipped round what it said before the update."""

from torch import Tensor


def value_losses(values: Tensor, old: Tensor, returns: Tensor, *, clip: float) -> Tensor:
    """½ · max((V − R)², (clip(V, V_old ± ε) − R)²) of every token: all [T] (openai/lm-human-preferences).

    V 1, V_old 0, R 2, ε 0.2: ½ · max(1, 1.8²) = 1.62, whose gradient is 0: V has moved as far as it may.
    """
    bounded = old + (values - old).clamp(-clip, clip)
    return (values - returns).square().maximum((bounded - returns).square()) / 2


def explained_variance(values: Tensor, returns: Tensor) -> float:
    """1 − var(R − V) / var(R): 1 is a value function without error, 0 one that says the same of everything."""
    spread = returns.var(correction=0)
    return float(1 - (returns - values).var(correction=0) / spread) if spread > 0 else 0.0
