"""When PPO has to stop: rules on what is seen of a run, as plain numbers.

A policy that is optimised against a reward model finds what the model likes and people don't: the optimised reward goes
on rising while what it stands for peaks and falls (Gao et al. 2022). A second reward model of other labels, which
nothing is optimised for, sees it (Bai et al. 2022, §4.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from policy_trainer.arguments import PpoArguments


@dataclass(frozen=True)
class Look:
    """The averaged policy on held-out prompts after an iteration. Rewards are means, with the standard error of the
    watched one; without a watched reward model these and the win rate are the optimised one's.

    `win_rate`: how often its answer had more reward than the SFT model's to the same prompt, a tie counting one half.
    """

    iteration: int
    optimised: float
    watched: float
    watched_error: float
    win_rate: float
    length: float
    ended: float

    @classmethod
    def of(
        cls,
        iteration: int,
        optimised: Sequence[float],
        watched: Sequence[float],
        sft: Sequence[float],
        *,
        length: float,
        ended: float,
    ) -> "Look":
        """Of one answer a prompt. `sft`: the watched rewards of the SFT model's answers."""
        wins = [(one > other) + (one == other) / 2 for one, other in zip(watched, sft, strict=True)]
        error = stdev(watched) / sqrt(len(watched)) if len(watched) > 1 else 0.0
        return cls(iteration, fmean(optimised), fmean(watched), error, fmean(wins), length, ended)


@dataclass(frozen=True)
class Seen:
    """What an iteration's own answers say: mean KL of a whole answer in nats, entropy of a token, tokens an answer."""

    kl: float
    entropy: float
    length: float


def best_look(looks: Sequence[Look]) -> Look | None:
    """The one with the highest watched reward; of equals the earliest."""
    return max(looks, key=lambda look: (look.watched, -look.iteration), default=None)


def reason_to_stop(seen: Sequence[Seen], looks: Sequence[Look], arguments: PpoArguments) -> str:
    """Words for people, or "" to go on. `seen` of every iteration so far, `looks` of some."""
    now, first = seen[-1], seen[0]
    if arguments.kl_budget and now.kl > arguments.kl_budget:
        return f"The KL to the SFT model is {now.kl:.1f} nats, over its budget of {arguments.kl_budget:g}."
    if now.entropy < arguments.entropy_floor * first.entropy:
        return f"A token's entropy fell from {first.entropy:.3f} to {now.entropy:.3f} nats: the policy says one thing."
    if now.length < arguments.length_floor * first.length:
        return f"Answers shrank from {first.length:.1f} to {now.length:.1f} tokens."
    return _over_optimised(looks, arguments.patience)


def _over_optimised(looks: Sequence[Look], patience: int) -> str:
    """The last `patience` looks all lie under the best watched reward by more than its error, while the optimised
    reward lies above what it was there.
    """
    best = best_look(looks)
    if not patience or best is None:
        return ""
    behind = [look for look in looks if look.iteration > best.iteration]
    fell = [
        look.watched < best.watched - best.watched_error and look.optimised > best.optimised
        for look in behind[-patience:]
    ]
    if len(fell) < patience or not all(fell):
        return ""
    return (
        f"The watched reward fell from {best.watched:+.3f} after iteration {best.iteration} to "
        f"{behind[-1].watched:+.3f} while the optimised one rose from {best.optimised:+.3f} to "
        f"{behind[-1].optimised:+.3f}: the policy pleases its reward model alone."
    )
