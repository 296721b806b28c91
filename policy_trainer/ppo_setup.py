"""Everything that a PPO run is given: read, checked and placed before the first iteration."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from time import monotonic

import torch
from transformers import PreTrainedModel

from lm.errors import Refused
from lm.layers import freeze, recompute_activations
from lm.progress import Progress, Sample
from lm.snapshot.reading import Snapshot, open_snapshot
from lm.snapshot.records.constants import TRAIN
from lm.training.batches import endless_numbers
from lm.training.energy import EnergyMeter
from lm.training.lora import add_adapters
from lm.training.optimizer import optimizer_of, set_rate, trainable
from lm.training.output import refuse_full_disk
from lm.training.processes import Processes
from lm.training.runtime import Runtime, prepare_runtime
from policy_trainer.arguments import PpoArguments
from policy_trainer.examples import read_examples
from policy_trainer.kept import Kept, most_models
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.model import Policy, load_policy
from policy_trainer.networks import Networks
from policy_trainer.pretraining import PretrainingText, read_pretraining
from policy_trainer.prompts import held_out_prompts, training_prompts
from policy_trainer.reward import RewardDoor, RewardModel, doors, load_checked, optimised_models
from policy_trainer.reward_checks import in_common, measured_order, refuse_constant, refuse_watching_itself
from policy_trainer.rollout import Prompt, Rollout, Sampling, sample
from policy_trainer.samples import samples_of
from policy_trainer.watch import Look

LOOKING = 2**40
"""Seeds of looks begin here, so that no answer of an iteration has them."""
LOOKED_AT = ("optimised", "watched", "watched_error", "win_rate", "length", "ended")
"""Figures of a look that its event has."""


@dataclass(frozen=True)
class Run:
    """`watched`: the door of the reward model that is looked at, the optimised one's where there is no other.
    `sft_rewards`: what it says of the SFT model's answers to the held-out prompts.
    """

    arguments: PpoArguments
    progress: Progress
    runtime: Runtime
    snapshot: Snapshot
    policy: Policy
    networks: Networks
    optimizer: torch.optim.Optimizer
    average: MovingAverage
    door: RewardDoor
    watched: RewardDoor
    reward_remarks: Sequence[str]
    text: PretrainingText | None
    prompts: Sequence[Prompt]
    left_out: int
    held_out: Sequence[Prompt]
    sft_rewards: Sequence[float]
    sft_samples: Sequence[Sample]
    kept: Kept
    energy: EnergyMeter
    began: float

    def decisive(self) -> dict[str, str]:
        """Returns all that decides the iterations of the run."""
        prompts = str([one.ids for one in self.prompts])
        text = "" if self.text is None else self.text.sha256
        return {
            **self.arguments.of_the_run(), "snapshot_sha256": self.snapshot.sha256, "prompts": prompts,
            "pretraining_sha256": text,
        }  # fmt: skip

    def draw(self, iteration: int, version: int) -> list[Rollout]:
        """Answers to the iteration's prompts; they are a function of the weights, the seed and the iteration."""
        arguments, size = self.arguments, self.arguments.prompts_per_iteration
        first = (iteration - 1) * size
        numbers = endless_numbers(len(self.prompts), first=first, size=size, seed=arguments.seed)
        rollouts = sample(
            self.policy,
            self.runtime,
            [self.prompts[number] for number in numbers],
            sampling_of(arguments, arguments.completions),
            seed=seed_of(arguments) + first * arguments.completions,
            version=version,
        )
        self.kept.rollouts(iteration, rollouts)
        return rollouts

    def due(self, iteration: int) -> bool:
        """Whether held-out prompts are looked at after the iteration."""
        every = self.arguments.watch_every
        return iteration == self.arguments.iterations or bool(every and iteration % every == 0)

    def look(self, iteration: int, best: Look | None) -> Look | None:
        """How the averaged policy answers held-out prompts; None where there are none. It is kept if it is better than
        the best look before.
        """
        with self.average.applied():
            if not self.held_out:
                self.kept.model(self.policy, iteration)
                return None
            rollouts = answers(self.policy, self.runtime, self.held_out, self.arguments)
            optimised = [own[0] for own in self.door.rewards(rollouts)]
            other = self.watched is not self.door
            watched = [own[0] for own in self.watched.rewards(rollouts)] if other else optimised
            look = Look.of(
                iteration,
                optimised,
                watched,
                self.sft_rewards,
                length=sum(sum(one.tokens.completions) for one in rollouts) / len(rollouts),
                ended=sum(one.ended[0] for one in rollouts) / len(rollouts),
            )
            if best is None or look.watched > best.watched:
                self.kept.model(self.policy, iteration)
        shown = samples_of(rollouts[: self.arguments.samples], optimised)
        figures = {name: float(getattr(look, name)) for name in LOOKED_AT}
        self.progress.say({"event": "samples", "step": iteration, "samples": shown, "figures": figures}, _seen(look))
        return look


def prepare(arguments: PpoArguments, progress: Progress, processes: Processes) -> Run:
    """Raises Refused."""
    began = monotonic()
    with processes.in_turn():
        refuse_watching_itself(arguments.watched_reward_model, optimised_models(arguments))
        runtime = prepare_runtime(arguments, arguments.dtype, processes, recomputes=arguments.recompute_activations)
        snapshot = open_snapshot(arguments.data)
        policy = load_policy(arguments.base, max_length=arguments.max_length)
        reward_model = load_checked(arguments.reward_model, policy)
        prompts, left_out = training_prompts(
            snapshot,
            arguments.prompts,
            policy,
            max_new_tokens=arguments.max_new_tokens,
            leave_out_long=arguments.leave_out_long_prompts,
        )
        held_out = held_out_prompts(
            snapshot, policy, max_new_tokens=arguments.max_new_tokens, most=arguments.watch_prompts
        )
        text = _text(arguments, policy, snapshot)
        value = _value_model(arguments, reward_model)
        _make_trainable(arguments, policy.model, value)
        _place(arguments, runtime, [model for model in (policy.model, value) if model is not None])
        door, watched = doors(arguments, policy, reward_model, value, runtime)
    networks = Networks(
        policy.model, value, runtime, temperature=arguments.temperature, reward_scale=arguments.reward_scale
    )
    reward_remarks = _reward_remarks(arguments, door, watched, snapshot)
    first = answers(policy, runtime, held_out, arguments) if held_out else []
    watched_rewards = watched.rewards(first)
    refuse_constant(watched_rewards)
    return Run(
        arguments=arguments,
        progress=progress,
        runtime=runtime,
        snapshot=snapshot,
        policy=policy,
        networks=networks,
        optimizer=ppo_optimizer(networks, arguments),
        average=MovingAverage(policy.model, decay=arguments.ema_decay),
        door=door,
        watched=watched,
        reward_remarks=reward_remarks,
        text=text,
        prompts=prompts,
        left_out=left_out,
        held_out=held_out,
        sft_rewards=[own[0] for own in watched_rewards],
        sft_samples=samples_of(first[: arguments.samples], [own[0] for own in door.rewards(first)]),
        kept=Kept(arguments.output, keeps_rollouts=arguments.keep_rollouts, processes=processes),
        energy=EnergyMeter(runtime.device),
        began=began,
    )


def _reward_remarks(arguments: PpoArguments, door: RewardDoor, watched: RewardDoor, snapshot: Snapshot) -> list[str]:
    """What is not known of the reward models, or shared by them, in words. Every process must call it."""
    optimised = optimised_models(arguments)
    found = [measured_order(*one, snapshot) for one in zip(optimised, door.rewarders, strict=True)]
    if arguments.watched_reward_model is not None:
        found.append(measured_order(arguments.watched_reward_model, watched.rewarder, snapshot))
        found += [in_common(arguments.watched_reward_model, one) for one in optimised]
    return [one for one in found if one]


def sampling_of(arguments: PpoArguments, completions: int) -> Sampling:
    return Sampling(
        completions=completions,
        max_new_tokens=arguments.max_new_tokens,
        temperature=arguments.temperature,
        max_tokens=arguments.tokens_in_rollout,
    )


def seed_of(arguments: PpoArguments) -> int:
    """Runs of other seeds share none of their answers' seeds."""
    return arguments.seed % 2**20 * 2**42


def answers(policy: Policy, runtime: Runtime, prompts: Sequence[Prompt], arguments: PpoArguments) -> list[Rollout]:
    """One answer to each held-out prompt, every time by the same seeds, so that looks can be compared."""
    seed = seed_of(arguments) + LOOKING
    return sample(policy, runtime, prompts, sampling_of(arguments, 1), seed=seed, version=-1)


def set_rates(optimizer: torch.optim.Optimizer, arguments: PpoArguments, iteration: int) -> float:
    """Sets the rates of an iteration, from 1, and returns the policy's: constant behind a rise from a tenth."""
    share = warm(iteration, arguments.warmup_steps)
    for group in optimizer.param_groups:
        set_rate(group, group["peak"] * share)
    return share * arguments.learning_rate


def warm(iteration: int, steps: int) -> float:
    """A tenth in the first iteration, then evenly up to 1 behind `steps` of them (InstructGPT C.4).

    >>> [round(warm(iteration, 2), 2) for iteration in (1, 2, 3, 4)]
    [0.1, 0.55, 1.0, 1.0]
    """
    return 1.0 if iteration > steps else 0.1 + 0.9 * (iteration - 1) / steps


def ppo_optimizer(networks: Networks, arguments: PpoArguments) -> torch.optim.Optimizer:
    """Of policy and value function, each with its rate; `peak` is what `set_rates` takes a share of."""
    pairs = ((networks.policy, arguments.learning_rate), (networks.value, arguments.value_learning_rate))
    groups = [{"params": trainable(model), "lr": rate, "peak": rate} for model, rate in pairs if model is not None]
    return optimizer_of(groups, arguments)


def _text(arguments: PpoArguments, policy: Policy, snapshot: Snapshot) -> PretrainingText | None:
    if not arguments.gamma or not arguments.pretraining_examples:
        return None
    instead = [] if arguments.pretraining else [one.ids for one in read_examples(snapshot, TRAIN, policy).examples]
    return read_pretraining(
        arguments.pretraining,
        policy,
        length=arguments.pretraining_length,
        seed=arguments.seed,
        instead=instead,
        snapshot=snapshot,
    )


def _value_model(arguments: PpoArguments, reward_model: RewardModel) -> PreTrainedModel | None:
    """The reward model itself where adapters make it the value function, else a copy of it."""
    if arguments.advantage != "gae":
        return None
    return reward_model.model if arguments.lora_rank else deepcopy(reward_model.model).requires_grad_()


def _make_trainable(arguments: PpoArguments, policy: PreTrainedModel, value: PreTrainedModel | None) -> None:
    rank, alpha, seed = arguments.lora_rank, arguments.lora_alpha, arguments.seed
    add_adapters(policy, rank=rank, alpha=alpha, seed=seed, train_heads=False)
    if value is not None:
        add_adapters(value, rank=rank, alpha=alpha, seed=seed)
    for model in (policy, value):
        if model is not None:
            freeze(model, embeddings=arguments.freeze_embeddings, layers=arguments.freeze_layers)
            if arguments.recompute_activations:
                recompute_activations(model)
    if not trainable(policy):
        raise Refused("Nothing of the policy is left to train. Freeze less.")


def _place(arguments: PpoArguments, runtime: Runtime, trained: Sequence[PreTrainedModel]) -> None:
    """Raises Refused where the disk has no room for what the run writes of them."""
    refuse_full_disk(
        arguments.output,
        *trained,
        models=most_models(checkpoints=arguments.checkpoint_every > 0),
        checkpoints=arguments.checkpoint_every > 0,
        averaged=True,
        optimizer=arguments.optimizer,
    )
    for model in trained:
        runtime.place(model)


def _seen(look: Look) -> str:
    return (
        f"held-out prompts after iteration {look.iteration}: reward {look.optimised:+.3f}, watched {look.watched:+.3f} "
        f"± {look.watched_error:.3f}, better than SFT {look.win_rate:.0%}, {look.length:.0f} tokens"
    )
