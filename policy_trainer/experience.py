"""From answers to what is learned of them: log-probabilities, rewards, values, advantages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor

from lm.errors import Failed
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.training.batches import parts
from lm.training.dealing import own_parts
from policy_trainer.arguments import PpoArguments
from policy_trainer.maths import advantage, kl
from policy_trainer.maths.answers import summed
from policy_trainer.maths.ptx import Scale
from policy_trainer.networks import Networks
from policy_trainer.rollout import Rollout

UNLIKE = 1.0
"""Nats a token, on average, by which sampler and trainer may differ: more is no rounding."""


@dataclass(frozen=True)
class Experience:
    """K answers to one prompt. Per token [ΣC], without gradients: `log_probs` under the policy that drew them,
    `plain_log_probs` at temperature 1, `reference`, `entropies`, `values` (0 without a value function), `advantages`,
    `returns`; per answer [K]: `scores`.
    """

    rollout: Rollout
    log_probs: Tensor
    plain_log_probs: Tensor
    reference: Tensor
    entropies: Tensor
    values: Tensor
    scores: Tensor
    advantages: Tensor
    returns: Tensor
    learned: tuple[Tensor, Tensor] | None = None
    """`log_probs` and `values` with their gradients, where one update learns from all that was read together."""

    @property
    def lengths(self) -> tuple[int, ...]:
        return self.rollout.tokens.completions

    @property
    def kl(self) -> Tensor:
        return kl.per_token(self.log_probs, self.reference)

    @property
    def token_weights(self) -> Tensor:
        """How much each token's answer counts: [ΣC]."""
        return torch.repeat_interleave(self.rollout.weights, torch.tensor(self.lengths)).to(self.log_probs.device)


def collect(
    networks: Networks, rollouts: Sequence[Rollout], scores: Sequence[Tensor], arguments: PpoArguments, *, version: int
) -> list[Experience]:
    """Reads every prompt with its answers once in each network; each process reads its share and learns what the others
    read. Advantages are not scaled yet.

    Raises Failed for rollouts of other weights than the networks have.
    """
    stale = [one.version for one in rollouts if one.version != version]
    if stale:
        raise Failed(f"Answers of the weights after {stale[0]} updates are to be learned from after {version}.")
    lengths = [sum(one.tokens.completions) for one in rollouts]
    found = torch.zeros(5, sum(lengths))  # as of _read
    places = torch.split(found, lengths, dim=1)
    sizes = [len(one.tokens.ids) for one in rollouts]
    parts = list(own_parts(sizes, budget=arguments.tokens_per_microbatch, processes=networks.processes))
    at_once = (
        arguments.updates_an_iteration == 1 == len(parts) == networks.processes.size and networks.can_learn_at_once
    )
    learned: list[tuple[Tensor, Tensor] | None] = [None] * len(rollouts)
    for numbers, counts in parts:
        read = _read(networks, [rollouts[number].tokens for number in numbers], at_once=at_once)
        of_each = [lengths[number] for number in numbers]
        for number, own in zip(numbers, torch.split(torch.stack(read).detach().cpu(), of_each, dim=1), strict=True):
            places[number].add_(own, alpha=int(counts))
        if at_once:
            log_probs, *_, values = (torch.split(one, of_each) for one in read)
            for number, of_policy, of_value in zip(numbers, log_probs, values, strict=True):
                learned[number] = of_policy, of_value
    networks.processes.add_up(found)
    return [
        _experience(rollout, score.to(networks.device), *place.to(networks.device), learned=kept, arguments=arguments)
        for rollout, score, place, kept in zip(rollouts, scores, places, learned, strict=True)
    ]


def scaled(experience: Sequence[Experience], scale: Scale) -> list[Experience]:
    """The same with advantages divided by the run's scale."""
    return [replace(one, advantages=one.advantages / scale.value) for one in experience]


def minibatches(
    experience: Sequence[Experience], arguments: PpoArguments, *, iteration: int
) -> Iterator[list[Experience]]:
    """Whole prompts, so that sharing lasts, in an order that seed, iteration and inner epoch decide."""
    prompts = max(1, arguments.minibatch // arguments.completions)
    for epoch in range(arguments.inner_epochs):
        order = list(range(len(experience)))
        Random(f"{arguments.seed}/{iteration}/{epoch}").shuffle(order)
        for numbers in parts(order, prompts):
            yield [experience[number] for number in numbers]


def decoder_gap(experience: Sequence[Experience]) -> float:
    """Mean |log π(trainer) − log π(sampler)| of the drawn tokens, in nats: rounding, which looks like KL. Both are at
    temperature 1, whatever the tokens were drawn at.
    """
    gaps = [(one.plain_log_probs.cpu() - one.rollout.engine_log_probs).abs() for one in experience]
    return float(torch.cat(gaps).mean())


def refuse_unlike(experience: Sequence[Experience]) -> None:
    """Raises Failed when sampler and trainer are not the same model."""
    gap = decoder_gap(experience)
    if gap > UNLIKE:
        raise Failed(
            f"Sampler and trainer differ by {gap:.2f} nats a token, which is no rounding: one of them computes another "
            "model. Try --dtype float32; if that doesn't help, please report it with the model's config.json."
        )


def _read(networks: Networks, prompts: Sequence[SharedPrompt], *, at_once: bool) -> tuple[Tensor, ...]:
    """Log-probabilities, those at temperature 1, reference, entropies, values: [ΣC] each, the first and the last with
    gradients if `at_once`."""
    reference = networks.reference_log_probs(prompts)
    with torch.set_grad_enabled(at_once):
        values = networks.values(prompts) if networks.value is not None else None
        log_probs, entropies, plain = networks.entropies(prompts)
    return log_probs, plain, reference, entropies, torch.zeros_like(log_probs) if values is None else values


def _experience(
    rollout: Rollout,
    scores: Tensor,
    log_probs: Tensor,
    plain_log_probs: Tensor,
    reference: Tensor,
    entropies: Tensor,
    values: Tensor,
    *,
    learned: tuple[Tensor, Tensor] | None,
    arguments: PpoArguments,
) -> Experience:
    lengths = rollout.tokens.completions
    beta = arguments.beta if arguments.kl_place == "reward" else 0.0
    rewards = advantage.token_rewards(scores, kl.per_token(log_probs, reference), lengths, beta=beta)
    if arguments.advantage == "gae":
        advantages, returns = advantage.generalised(
            rewards, values, lengths, discount=arguments.discount, decay=arguments.gae_decay
        )
    else:
        totals = summed(rewards, lengths)
        of_others = advantage.of_group if arguments.advantage == "group" else advantage.leave_one_out
        advantages = torch.repeat_interleave(of_others(totals), torch.tensor(lengths, device=totals.device))
        returns = torch.zeros_like(advantages)
    return Experience(
        rollout, log_probs, plain_log_probs, reference, entropies, values, scores, advantages, returns, learned
    )
