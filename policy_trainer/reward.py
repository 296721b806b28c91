"""The only door to a reward model: what it is shown, and what of its reward the policy learns from.

The reward model reads texts, rendered as it was trained on them (`rm_trainer.scorer`), never the policy's tokens; its
stored bias is in every reward, so that 0 is as good as the demonstrations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.errors import Failed, Refused
from lm.rendering import Renderer
from lm.training.frozen import share_frozen
from lm.training.fsdp import let_go
from lm.training.lora import without_adapters
from lm.training.runtime import Runtime
from policy_trainer.arguments import EnsembleRule, MissingEnd, PpoArguments
from policy_trainer.model import Policy
from policy_trainer.reward_checks import refuse_inverted, refuse_other_tokens
from policy_trainer.rollout import Rollout
from rm_trainer.model import load_reward_model
from rm_trainer.protocol import Item, Rewarder, Scored
from rm_trainer.scorer import Scorer

AT_ONCE = 64
"""Answers in the reward model at a time."""


@dataclass(frozen=True)
class RewardDoor:
    """`missing_end`: what is done to an answer that was cut; `missing_end_reward` replaces its reward, or is added."""

    rewarder: Rewarder
    missing_end: MissingEnd = "lower"
    missing_end_reward: float = -1.0
    scale: float = 1.0

    def scores(self, rollouts: Sequence[Rollout], rewards: Sequence[Sequence[float]]) -> list[Tensor]:
        """What each answer is worth to the policy: a tensor [K] float32 for each rollout, of its rewards."""
        return [
            torch.tensor([self._worth(raw, ended) for raw, ended in zip(own, one.ended, strict=True)])
            for own, one in zip(rewards, rollouts, strict=True)
        ]

    def rewards(self, rollouts: Sequence[Rollout]) -> list[list[float]]:
        """What the reward model says, with its bias. Raises Failed, naming the prompt, where it can't say anything."""
        items = [Item(one.prompt.messages, text) for one in rollouts for text in one.texts]
        scored = iter(self.rewarder.score(items))
        return [[_reward(one, next(scored).reward) for _ in one.texts] for one in rollouts]

    @property
    def rewarders(self) -> Sequence[Rewarder]:
        """Each of several by itself, in the order of `optimised_models`."""
        return self.rewarder.rewarders if isinstance(self.rewarder, Ensemble) else [self.rewarder]

    def _worth(self, reward: float, ended: bool) -> float:  # noqa: FBT001  it is what the function is about
        if not ended:
            reward = self.missing_end_reward if self.missing_end == "replace" else reward + self.missing_end_reward
        return reward / self.scale


@dataclass(frozen=True)
class RewardModel:
    """A reward model on the CPU, which does not train."""

    model: PreTrainedModel
    renderer: Renderer

    def scorer(self, runtime: Runtime) -> Scorer:
        """Moves it to the device."""
        return Scorer(self.model, self.renderer, runtime, batch_size=AT_ONCE)


class Under:
    """The reward model under the value function's adapters: it scores without them, by the head that it came with."""

    def __init__(self, scorer: Scorer, value: PreTrainedModel) -> None:
        self._scorer, self._value = scorer, value
        self._head: Tensor = value.get_parameter("score.weight").detach().clone()

    @torch.no_grad()
    def score(self, items: Sequence[Item]) -> list[Scored]:
        let_go(self._value)
        weight = self._value.get_parameter("score.weight")
        trained = weight.detach().clone()
        weight.copy_(self._head)
        try:
            with without_adapters(self._value):
                return self._scorer.score(items)
        finally:
            let_go(self._value)
            weight.copy_(trained)


@dataclass(frozen=True)
class Ensemble:
    """Several reward models as one: where they disagree, none of them has seen the like, and the reward is lower
    (Coste et al. 2023, arXiv 2310.02743).
    """

    rewarders: Sequence[Rewarder]
    rule: EnsembleRule
    penalty: float

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """An item that one of them can't read has no reward."""
        each = zip(*(one.score(items) for one in self.rewarders), strict=True)
        return [self._together(own) for own in each]

    def _together(self, scored: Sequence[Scored]) -> Scored:
        rewards = [one.reward for one in scored if one.reward is not None]
        if len(rewards) < len(scored):
            return next(one for one in scored if one.reward is None)
        if self.rule == "worst":
            return Scored(min(rewards))
        return Scored(fmean(rewards) - self.penalty * pstdev(rewards))


def further_models(directory: Path) -> list[Path]:
    """A directory's folders, of which each holds a reward model. Raises Refused."""
    folders = sorted(path for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []
    if not folders:
        raise Refused(f"{directory} holds no reward models. Give --ensemble a directory with one in each folder.")
    return folders


def optimised_models(arguments: PpoArguments) -> list[Path]:
    """Where the reward models lie that are optimised together. Raises Refused."""
    return [arguments.reward_model, *(further_models(arguments.ensemble) if arguments.ensemble is not None else [])]


def load_checked(directory: Path, policy: Policy) -> RewardModel:
    """Loads a reward model for this policy.

    Raises Refused for one of another tokenizer or chat template, and for one that orders fewer than half of the pairs
    that it was validated on as the labelers did.
    """
    if not directory.is_dir():
        raise Refused(f"{directory} is not a directory. Give a reward model as `python -m rm_trainer train` writes it.")
    model, renderer = load_reward_model(str(directory), max_length=None)
    refuse_other_tokens(directory, renderer, policy.renderer)
    refuse_inverted(directory)
    return RewardModel(model.requires_grad_(requires_grad=False), renderer)


def doors(
    arguments: PpoArguments,
    policy: Policy,
    reward_model: RewardModel,
    value: PreTrainedModel | None,
    runtime: Runtime,
) -> tuple[RewardDoor, RewardDoor]:
    """The door to what is optimised, and to what is only watched: the same where nothing is. Reward models share with
    policy and value function what does not train and is the same. Raises Refused.
    """
    trained = [policy.model, *([] if value is None else [value])]

    def scorer_of(model: RewardModel) -> Scorer:
        scorer = model.scorer(runtime)
        share_frozen(*trained, model.model)
        return scorer

    scorer = scorer_of(reward_model)
    rewarder: Rewarder = Under(scorer, value) if arguments.lora_rank and value is not None else scorer
    if arguments.ensemble is not None:
        every = [rewarder, *(scorer_of(load_checked(one, policy)) for one in further_models(arguments.ensemble))]
        rewarder = Ensemble(every, arguments.ensemble_rule, arguments.ensemble_penalty)
    door = _door(arguments, rewarder)
    if arguments.watched_reward_model is None:
        return door, door
    return door, _door(arguments, scorer_of(load_checked(arguments.watched_reward_model, policy)))


def _door(arguments: PpoArguments, rewarder: Rewarder) -> RewardDoor:
    return RewardDoor(
        rewarder,
        missing_end=arguments.missing_end,
        missing_end_reward=arguments.missing_end_reward,
        scale=arguments.reward_scale,
    )


def _reward(rollout: Rollout, reward: float | None) -> float:
    if reward is None:
        raise Failed(
            f"The reward model can't read an answer to prompt {rollout.prompt.number}: with it the prompt is over its "
            "length. Lower --max-new-tokens, or train the reward model with a larger --max-length."
        )
    return reward
