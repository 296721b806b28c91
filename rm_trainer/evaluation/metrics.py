"""How well rewards agree with rankings, with intervals that know that a prompt's pairs aren't independent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rm_trainer.evaluation.bootstrap import Floats, interval, places, resampled, sums
from rm_trainer.evaluation.figures import Summary


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
    task_id: int | None = None
    """Rankings of one task are several labelers' orders of the same completions."""
    labeler: str = ""
    submitted_at: str = ""
    strengths: tuple[int, ...] | None = None
    qualities: tuple[int | None, ...] = ()


def summarise(outcomes: Sequence[Outcome], *, bootstrap_samples: int = 1000, seed: int = 0) -> Summary:
    """Metrics of at least one outcome, ready for JSON.

    * `pair_accuracy`: correct pairs / pairs. `log_loss`: mean over pairs.
    * `prompt_accuracy`: the pair accuracy of each prompt, averaged, so that a prompt with nine completions counts as
      one with four.
    * `loss`: the training objective, mean over rankings of the mean over their pairs.
    * `…_interval`: 95% percentile interval of a bootstrap that draws whole prompts.
    """
    per_prompt = sums(
        places([one.prompt_id for one in outcomes]),
        [one.pairs for one in outcomes],
        [one.correct for one in outcomes],
        [one.log_loss for one in outcomes],
        [one.log_loss / one.pairs for one in outcomes],
        np.ones(len(outcomes)),
    )
    per_prompt = np.column_stack([per_prompt, per_prompt[:, 1] / per_prompt[:, 0], np.ones(len(per_prompt))])
    figures = _figures(per_prompt.sum(axis=0))
    drawn = _figures(resampled(per_prompt, samples=bootstrap_samples, seed=seed))
    return {
        "rankings": len(outcomes),
        "prompts": len(per_prompt),
        "pairs": int(per_prompt[:, 0].sum()),
        "pair_accuracy": float(figures["pair_accuracy"]),
        "prompt_accuracy": float(figures["prompt_accuracy"]),
        "log_loss": float(figures["log_loss"]),
        "loss": float(figures["loss"]),
        "pair_accuracy_interval": interval(drawn["pair_accuracy"]),
        "prompt_accuracy_interval": interval(drawn["prompt_accuracy"]),
        "log_loss_interval": interval(drawn["log_loss"]),
        "loss_interval": interval(drawn["loss"]),
    }


def _figures(totals: Floats) -> dict[str, Floats]:
    """Returns the figures of sums over prompts, [7] or [samples, 7]."""
    pairs, correct, log_loss, loss, rankings, accuracy, prompts = totals.T
    return {
        "pair_accuracy": correct / pairs,
        "prompt_accuracy": accuracy / prompts,
        "log_loss": log_loss / pairs,
        "loss": loss / rankings,
    }
