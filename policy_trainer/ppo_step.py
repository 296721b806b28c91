"""The losses of an update, and what an iteration leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from lm.training.processes import Processes
from policy_trainer.arguments import PpoArguments
from policy_trainer.experience import Experience
from policy_trainer.maths import kl
from policy_trainer.maths.answers import summed
from policy_trainer.maths.clip import policy_losses
from policy_trainer.maths.ptx import whitened
from policy_trainer.maths.value import explained_variance, value_losses
from policy_trainer.networks import Networks
from policy_trainer.watch import Look, Seen


@dataclass(frozen=True)
class IterationResult:
    """One iteration, as its own answers say before its updates: rewards as the policy is given them, the reward model's
    own, KL of a whole answer, entropy and length of answers, shares; losses and clips are means over its updates.
    """

    reward: float
    raw_reward: float
    kl: float
    entropy: float
    length: float
    ended: float
    policy_loss: float = 0.0
    value_loss: float = 0.0
    ptx_loss: float = 0.0
    clipped: float = 0.0
    approximate_kl: float = 0.0
    squared_ratio: float = 0.0
    """Mean ρ²: 1 where nothing moved."""
    policy_norm: float = 0.0
    """Of the policy's gradient without the pretraining mix's; `norm`: with it."""
    norm: float = 0.0
    explained_variance: float = 0.0
    decoder_gap: float = 0.0
    equal_groups: float = 0.0
    """Share of prompts all of whose answers got the same reward, of those with several."""
    advantage_scale: float = 1.0
    learning_rate: float = 0.0
    tokens: int = 0
    look: Look | None = None

    @classmethod
    def read(cls, *, look: dict[str, float] | None, **figures: float) -> "IterationResult":
        """As a checkpoint's JSON holds it."""
        return cls(look=None if look is None else Look(**look), **figures)  # type: ignore[arg-type]  # counts are whole

    @property
    def loss(self) -> float:
        """All that an update lowers, of which γ weighs one part more."""
        return self.policy_loss + self.value_loss + self.ptx_loss

    @property
    def seen(self) -> Seen:
        return Seen(kl=self.kl, entropy=self.entropy, length=self.length)


def policy_loss(
    networks: Networks, experience: Sequence[Experience], arguments: PpoArguments, *, whole: Sequence[Experience]
) -> tuple[Tensor, Tensor]:
    """Of a part of the minibatch `whole`: a sum over tokens, divided by the whole's answers · --max-new-tokens; and for
    the report the sums over tokens [3] of whether they were clipped, ½ (log ρ)² and ρ².

    So neither padding, nor length, nor how the minibatch is parted enters, and the gradient is that of the expected
    reward of an answer, divided by a constant.
    """
    old, advantages, weights, reference = (
        torch.cat(each)
        for each in zip(
            *((one.log_probs, one.advantages, one.token_weights, one.reference) for one in experience), strict=True
        )
    )
    if arguments.advantage_scale == "batch":
        advantages = _whitened(experience, whole, arguments)
    kept = [one.learned[0] for one in experience if one.learned is not None]
    log_probs = torch.cat(kept) if kept else networks.log_probs([one.rollout.tokens for one in experience])
    clipped = policy_losses(log_probs, old, advantages, clip=arguments.clip_ratio)
    loss = (weights * clipped.losses).sum()
    if arguments.kl_place == "loss":
        lengths = [length for one in experience for length in one.lengths]
        counts = torch.cat([one.rollout.weights for one in experience]).to(weights)
        loss = loss + arguments.beta * (counts * kl.loss_per_answer(log_probs, reference, lengths)).sum()
    moved = (log_probs - old).detach()
    sums = torch.stack([clipped.held.float().sum(), moved.square().sum() / 2, clipped.ratios.square().sum()])
    return loss / _divisor(whole, arguments), sums.double().cpu()


def value_loss(
    networks: Networks, experience: Sequence[Experience], arguments: PpoArguments, *, whole: Sequence[Experience]
) -> Tensor:
    """Of a part of the minibatch `whole`, divided as the policy's is."""
    old, returns, weights = (
        torch.cat(each)
        for each in zip(*((one.values, one.returns, one.token_weights) for one in experience), strict=True)
    )
    kept = [one.learned[1] for one in experience if one.learned is not None]
    values = torch.cat(kept) if kept else networks.values([one.rollout.tokens for one in experience])
    losses = value_losses(values, old, returns, clip=arguments.clip_value)
    return (weights * losses).sum() / _divisor(whole, arguments)


def _divisor(whole: Sequence[Experience], arguments: PpoArguments) -> float:
    return float(sum(one.rollout.weights.sum() for one in whole)) * arguments.max_new_tokens


class Tally:
    """Adds up an iteration's updates over their parts and the processes; losses are already divided."""

    def __init__(self) -> None:
        self._update = torch.zeros(6, dtype=torch.float64)  # policy, value and ptx loss; sums as of policy_loss
        self._sums = torch.zeros(3, dtype=torch.float64)
        self._figures: list[dict[str, float]] = []
        self._tokens = 0.0

    def add_policy(self, loss: float, sums: Tensor) -> None:
        self._update[0] += loss
        self._update[3:] += sums

    def add_value(self, loss: float) -> None:
        self._update[1] += loss

    def add_text(self, loss: float) -> None:
        """Of pretraining text."""
        self._update[2] += loss

    def whole_loss(self, processes: Processes) -> float:
        """Of the update under way, all of its parts in all processes together."""
        return float(processes.add_up(self._update)[:3].sum())

    def updated(self, *, policy_norm: float, norm: float, minibatch: Sequence[Experience]) -> None:
        names = ("policy_loss", "value_loss", "ptx_loss")
        losses = dict(zip(names, self._update[:3].tolist(), strict=True))
        self._figures.append(losses | {"policy_norm": policy_norm, "norm": norm})
        self._sums += self._update[3:]
        self._tokens += sum(len(one.log_probs) for one in minibatch)
        self._update.zero_()

    def means(self) -> dict[str, Any]:
        """By the names of IterationResult."""
        clipped, approximate_kl, squared_ratio = (self._sums / max(1.0, self._tokens)).tolist()
        figures = {name: fmean(one[name] for one in self._figures) for name in self._figures[0]}
        return figures | {"clipped": clipped, "approximate_kl": approximate_kl, "squared_ratio": squared_ratio}


def measured(
    experience: Sequence[Experience], raw: Sequence[Sequence[float]], *, gap: float, scale: float
) -> IterationResult:
    """What the answers say, each counting as it does in the losses."""
    weights = torch.cat([one.rollout.weights for one in experience])
    counts = [length for one in experience for length in one.lengths]
    lengths = torch.tensor(counts)
    whole_kl, entropies = (
        summed(torch.cat(each).cpu(), counts)
        for each in ([one.kl for one in experience], [one.entropies for one in experience])
    )
    scores = torch.cat([one.scores.cpu() for one in experience])
    ended = torch.tensor([float(end) for one in experience for end in one.rollout.ended])
    values, returns = (torch.cat([getattr(one, name) for one in experience]) for name in ("values", "returns"))

    def mean(values: Tensor) -> float:
        return float((weights * values.float().cpu()).sum() / weights.sum())

    return IterationResult(
        reward=mean(scores),
        raw_reward=mean(torch.tensor([reward for own in raw for reward in own])),
        kl=mean(whole_kl),
        entropy=mean(entropies) / mean(lengths),
        length=mean(lengths),
        ended=mean(ended),
        explained_variance=explained_variance(values, returns),
        decoder_gap=gap,
        equal_groups=_equal_groups(experience),
        advantage_scale=scale,
        tokens=sum(one.rollout.tokens.prefix * len(one.lengths) + sum(one.lengths) for one in experience),
    )


def _equal_groups(experience: Sequence[Experience]) -> float:
    groups = [one.scores for one in experience if len(one.scores) > 1]
    return sum(float(own.max() == own.min()) for own in groups) / max(1, len(groups))


def _whitened(experience: Sequence[Experience], whole: Sequence[Experience], arguments: PpoArguments) -> Tensor:
    """By the minibatch's own mean and deviation; of groups (GRPO) by the deviation of each prompt's answers."""
    if arguments.advantage == "gae":
        flat = whitened(torch.cat([one.advantages for one in whole]))
        parts = dict(zip(map(id, whole), torch.split(flat, [len(one.advantages) for one in whole]), strict=True))
        return torch.cat([parts[id(one)] for one in experience])
    return torch.cat([one.advantages / (one.scores.std(correction=0) + 1e-8) for one in experience])
