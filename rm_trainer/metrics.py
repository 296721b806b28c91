"""How well rewards agree with rankings, with intervals that know that a prompt's pairs aren't independent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What the rewards said about one ranking with at least one usable pair."""

    ranking_id: int
    prompt_id: int
    completion_ids: tuple[int, ...]
    rewards: tuple[float, ...]
    pairs: int
    correct: float
    """Pairs ordered as the labeler did; equal rewards count one half."""
    log_loss: float
    """Sum over the pairs of −log σ(r_chosen − r_rejected)."""
    ranks: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    """Of each completion's sequence, the prompt included."""
    use_case: str = ""
    language: str = ""
    policies: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Prompts:
    """Sums per prompt, each [prompts]: what a bootstrap over prompts draws from."""

    pairs: Floats
    correct: Floats
    log_loss: Floats


def summarise(outcomes: Sequence[Outcome], *, bootstrap_samples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Metrics of at least one outcome, ready for JSON.

    * `pair_accuracy`: correct pairs / pairs. `log_loss`: mean over pairs.
    * `prompt_accuracy`: the pair accuracy of each prompt, averaged, so that a prompt with nine completions counts as
      one with four.
    * `loss`: the training objective, mean over rankings of the mean over their pairs.
    * `…_interval`: 95% percentile interval of a bootstrap that draws whole prompts.
    """
    prompts = _sums_per_prompt(outcomes)
    values = _statistics(prompts)
    intervals = _intervals(prompts, samples=bootstrap_samples, seed=seed)
    return {
        "rankings": len(outcomes),
        "prompts": len(prompts.pairs),
        "pairs": int(prompts.pairs.sum()),
        "loss": float(np.mean([one.log_loss / one.pairs for one in outcomes])),
        **values,
        **{f"{name}_interval": interval for name, interval in intervals.items()},
    }


def _sums_per_prompt(outcomes: Sequence[Outcome]) -> _Prompts:
    _, prompt = np.unique([one.prompt_id for one in outcomes], return_inverse=True)
    return _Prompts(
        pairs=_sums(prompt, [one.pairs for one in outcomes]),
        correct=_sums(prompt, [one.correct for one in outcomes]),
        log_loss=_sums(prompt, [one.log_loss for one in outcomes]),
    )


def _sums(prompt: NDArray[np.intp], values: Sequence[float]) -> Floats:
    return np.bincount(prompt, weights=values).astype(np.float64)


def _statistics(prompts: _Prompts) -> dict[str, float]:
    pairs = prompts.pairs.sum()
    return {
        "pair_accuracy": float(prompts.correct.sum() / pairs),
        "prompt_accuracy": float((prompts.correct / prompts.pairs).mean()),
        "log_loss": float(prompts.log_loss.sum() / pairs),
    }


def _intervals(prompts: _Prompts, *, samples: int, seed: int) -> dict[str, list[float]]:
    random = np.random.default_rng(seed)
    count = len(prompts.pairs)
    drawn = [_statistics(_draw(prompts, random.integers(count, size=count))) for _ in range(samples)]
    return {
        name: [float(bound) for bound in np.percentile([one[name] for one in drawn], [2.5, 97.5])] for name in drawn[0]
    }


def _draw(prompts: _Prompts, chosen: NDArray[np.int64]) -> _Prompts:
    return _Prompts(pairs=prompts.pairs[chosen], correct=prompts.correct[chosen], log_loss=prompts.log_loss[chosen])
