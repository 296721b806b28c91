"""The only door to a reward model: what it is shown, and what of its reward the policy learns from.

The reward model reads texts, rendered as it was trained on them (`rm_trainer.scorer`), never the policy's tokens; its
stored bias is in every reward, so that 0 is as good as the demonstrations.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.errors import Failed, Refused
from lm.rendering import Renderer
from lm.training.fsdp import let_go
from lm.training.lora import without_adapters
from lm.training.runtime import Runtime
from policy_trainer.arguments import EnsembleRule, MissingEnd, PpoArguments
from policy_trainer.model import Policy
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

    def _worth(self, reward: float, ended: bool) -> float:  # noqa: FBT001  it is what the function is about
        if not ended:
            reward = self.missing_end_reward if self.missing_end == "replace" else reward + self.missing_end_reward
        return reward / self.scale


@dataclass(frozen=True)
class RewardModel:
    """A reward model on the CPU."""

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


def further_models(directory: Path, policy: Policy) -> list[RewardModel]:
    """The reward models in a directory's folders. Raises Refused."""
    folders = sorted(path for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []
    if not folders:
        raise Refused(f"{directory} holds no reward models. Give --ensemble a directory with one in each folder.")
    return [load_checked(folder, policy) for folder in folders]


def load_checked(directory: Path, policy: Policy) -> RewardModel:
    """Loads a reward model for this policy.

    Raises Refused for one of another tokenizer or chat template, and for one that orders fewer than half of the pairs
    that it was validated on as the labelers did.
    """
    if not directory.is_dir():
        raise Refused(f"{directory} is not a directory. Give a reward model as `python -m rm_trainer train` writes it.")
    model, renderer = load_reward_model(str(directory), max_length=None)
    _refuse_other_tokens(directory, renderer, policy.renderer)
    _refuse_inverted(directory)
    return RewardModel(model, renderer)


def doors(
    arguments: PpoArguments,
    policy: Policy,
    reward_model: RewardModel,
    value: PreTrainedModel | None,
    runtime: Runtime,
) -> tuple[RewardDoor, RewardDoor]:
    """The door to what is optimised, and to what is only watched: the same where nothing is. Raises Refused."""
    scorer = reward_model.scorer(runtime)
    rewarder: Rewarder = Under(scorer, value) if arguments.lora_rank and value is not None else scorer
    if arguments.ensemble is not None:
        every = [rewarder, *(one.scorer(runtime) for one in further_models(arguments.ensemble, policy))]
        rewarder = Ensemble(every, arguments.ensemble_rule, arguments.ensemble_penalty)
    door = _door(arguments, rewarder)
    if arguments.watched_reward_model is None:
        return door, door
    return door, _door(arguments, load_checked(arguments.watched_reward_model, policy).scorer(runtime))


def refuse_constant(rewards: Sequence[Sequence[float]]) -> None:
    """Raises Failed when all answers to all prompts get one and the same reward: there is nothing to learn."""
    flat = [reward for own in rewards for reward in own]
    if len(flat) > 1 and max(flat) - min(flat) < 1e-6:
        raise Failed(
            f"The reward model gives all of {len(flat)} answers the reward {flat[0]:.6f}. It tells nothing apart: "
            "train it on more rankings, or look at its validation accuracy."
        )


def _door(arguments: PpoArguments, rewarder: Rewarder) -> RewardDoor:
    return RewardDoor(
        rewarder,
        missing_end=arguments.missing_end,
        missing_end_reward=arguments.missing_end_reward,
        scale=arguments.reward_scale,
    )


def _refuse_other_tokens(directory: Path, renderer: Renderer, policys: Renderer) -> None:
    for what, own, other in (
        ("tokenizer", _vocabulary(renderer), _vocabulary(policys)),
        ("chat template", renderer.conversations.template.source, policys.conversations.template.source),
    ):
        if own != other:
            raise Refused(
                f"{directory} has another {what} than the policy, so its value function can't read the policy's "
                f"tokens. Train a reward model from the policy's own base or SFT model."
            )


def _vocabulary(renderer: Renderer) -> tuple[dict[str, int], str]:
    state = json.loads(renderer.conversations.tokenizer.to_str())
    return renderer.conversations.tokenizer.get_vocab(), json.dumps([state["model"].get("merges"), state["normalizer"]])


def _refuse_inverted(directory: Path) -> None:
    path = directory / "metrics.json"
    valid = json.loads(path.read_text(encoding="utf-8")).get("valid") if path.is_file() else None
    if valid and valid["pair_accuracy"] < 0.5:
        raise Refused(
            f"{directory} orders {valid['pair_accuracy']:.0%} of {valid['pairs']} validation pairs as the labelers "
            "did: worse than chance, so a policy would be trained against them. Train the reward model again."
        )


def _reward(rollout: Rollout, reward: float | None) -> float:
    if reward is None:
        raise Failed(
            f"The reward model can't read an answer to prompt {rollout.prompt.number}: with it the prompt is over its "
            "length. Lower --max-new-tokens, or train the reward model with a larger --max-length."
        )
    return reward
