"""Everything that an SFT run is given: read, checked and placed before the first step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil, sqrt
from statistics import fmean, stdev
from time import monotonic
from typing import TypedDict

import torch

from lm.errors import Refused
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.progress import Progress
from lm.snapshot.reading import Snapshot, open_snapshot
from lm.snapshot.records.constants import TRAIN, VALID
from lm.training.batches import shuffled_batches
from lm.training.dealing import own_parts
from lm.training.energy import EnergyMeter
from lm.training.processes import Processes
from lm.training.runtime import Runtime, prepare_runtime
from lm.training.set_up import ready_to_train
from policy_trainer.arguments import SftArguments
from policy_trainer.examples import Example, Examples, read_examples
from policy_trainer.kept import Kept, most_models
from policy_trainer.learned import learned_log_probs
from policy_trainer.metrics import EpochRow
from policy_trainer.model import Policy, load_policy
from policy_trainer.pretraining import PretrainingText, read_pretraining
from policy_trainer.prompts import held_out_prompts
from policy_trainer.residual_dropout import ResidualDropout
from policy_trainer.reward import RewardDoor, load_checked
from policy_trainer.reward_checks import measured_order, refuse_constant
from policy_trainer.rollout import Prompt, Sampling, sample
from policy_trainer.samples import samples_of

TEXT = 0
"""The record of a row of pretraining text: no demonstration has it."""


class _Found(TypedDict):
    """What samples say, of an EpochRow."""

    reward: float | None
    reward_error: float | None
    length: float | None
    ended: float | None


@dataclass(frozen=True)
class Run:
    """`prompts`: of the split valid, that are sampled from at every epoch; `door`: what scores the samples."""

    arguments: SftArguments
    progress: Progress
    runtime: Runtime
    snapshot: Snapshot
    policy: Policy
    reading: Strategy
    dropout: ResidualDropout
    optimizer: torch.optim.Optimizer
    train: Examples
    valid: Examples
    text: PretrainingText | None
    prompts: Sequence[Prompt]
    door: RewardDoor | None
    reward_remark: str
    kept: Kept
    energy: EnergyMeter
    began: float

    @property
    def steps_per_epoch(self) -> int:
        return ceil(len(self.train.examples) / self.arguments.batch_size)

    @property
    def steps(self) -> int:
        return self.arguments.epochs * self.steps_per_epoch

    def decisive(self) -> dict[str, str]:
        """Returns all that decides the steps of the run."""
        text = "" if self.text is None else self.text.sha256
        return {**self.arguments.of_the_run(), "snapshot_sha256": self.snapshot.sha256, "pretraining_sha256": text}

    def batches(self, done: int) -> Iterator[list[Example]]:
        """The batches behind the first `done`; with pretraining text, its rows among the demonstrations."""
        numbers = shuffled_batches(
            range(len(self.train.examples)),
            size=self.arguments.batch_size,
            epochs=self.arguments.epochs,
            seed=self.arguments.seed,
        )
        for step, batch in islice(enumerate(numbers), done, None):
            yield [*(self.train.examples[number] for number in batch), *self._text(step)]

    def before_training(self) -> EpochRow | None:
        """The base's row; None where there is nothing to measure it with."""
        return self.measure(0, []) if self.valid.examples or self.prompts else None

    def measure(self, step: int, losses: Sequence[float]) -> EpochRow:
        """An epoch's row of the table, or with step 0 that of the base; says it, and shows samples."""
        valid_loss = self._valid_loss()
        found = self._sampled(step) if self.prompts else _Found(reward=None, reward_error=None, length=None, ended=None)
        epoch, train_loss = step // self.steps_per_epoch, fmean(losses) if losses else None
        row = EpochRow(epoch=epoch, step=step, train_loss=train_loss, valid_loss=valid_loss, **found)
        if valid_loss is not None:
            figures = {} if row["reward"] is None else {"reward": row["reward"]}
            said = "" if row["reward"] is None else f", reward of samples {row['reward']:+.3f}"
            when = f"after epoch {epoch}" if step else "before training"
            self.progress.say(
                {"event": "valid", "step": step, "loss": valid_loss, "figures": figures},
                f"valid {when}: loss {valid_loss:.4f}{said}",
            )
        return row

    def _text(self, step: int) -> list[Example]:
        if self.text is None:
            return []
        share, size = self.arguments.pretraining_share, self.arguments.batch_size
        count = round(size * share / (1 - share))
        rows = self.text.take(first=step * count, size=count)
        learned = [torch.ones(len(row), dtype=torch.bool).index_fill(0, torch.tensor(0), value=False) for row in rows]
        return [Example(TEXT, row, own) for row, own in zip(rows, learned, strict=True)]

    @torch.no_grad()
    def _valid_loss(self) -> float | None:
        """The mean over all learned tokens of the split; each process computes its share."""
        examples = self.valid.examples
        if not examples:
            return None
        total = torch.zeros(1, dtype=torch.float64)
        sizes = [len(one.ids) for one in examples]
        budget = self.arguments.tokens_per_microbatch
        for numbers, counts in own_parts(sizes, budget=budget, processes=self.runtime.processes):
            part = [examples[number] for number in numbers]
            found = learned_log_probs(self.policy.model, self.runtime, self.reading, part)
            total -= counts * found.double().sum().cpu()
        learned = sum(one.count for one in examples)
        return self.runtime.processes.add_up(total).item() / learned

    def _sampled(self, step: int) -> _Found:
        arguments = self.arguments
        sampling = Sampling(
            completions=1, max_new_tokens=arguments.max_new_tokens, max_tokens=arguments.tokens_in_rollout
        )
        rollouts = sample(self.policy, self.runtime, self.prompts, sampling, seed=arguments.seed, version=step)
        rewards = None if self.door is None else [own[0] for own in self.door.rewards(rollouts)]
        if rewards is not None and not step:
            refuse_constant([rewards])
        shown = rollouts[: arguments.samples]
        found = _Found(
            reward=None if rewards is None else fmean(rewards),
            reward_error=stdev(rewards) / sqrt(len(rewards)) if rewards and len(rewards) > 1 else None,
            length=fmean(sum(one.tokens.completions) for one in rollouts),
            ended=fmean(one.ended[0] for one in rollouts),
        )
        self.progress.say(
            {
                "event": "samples",
                "step": step,
                "samples": samples_of(shown, rewards or [None] * len(shown)),
                "figures": {name: value for name, value in found.items() if isinstance(value, float)},
            },
            f"Answered {len(rollouts)} validation prompts.",
        )
        return found


def prepare(arguments: SftArguments, progress: Progress, processes: Processes) -> Run:
    """Raises Refused."""
    began = monotonic()
    with processes.in_turn():
        runtime = prepare_runtime(arguments, arguments.dtype, processes, recomputes=arguments.recompute_activations)
        snapshot = open_snapshot(arguments.data)
        policy = load_policy(arguments.base, max_length=arguments.max_length)
        train = read_examples(snapshot, TRAIN, policy, few_shot_sets=arguments.few_shot_sets, seed=arguments.seed)
        valid = read_examples(snapshot, VALID, policy)
        if not train.examples:
            raise Refused(_nothing(arguments, snapshot, train))
        text = _text(arguments, policy, snapshot)
        prompts, door = _sampled_prompts(arguments, policy, snapshot, runtime)
        model = policy.model
        dropout = ResidualDropout(model, arguments.residual_dropout)
        models = arguments.epochs if arguments.keep_epochs else most_models(checkpoints=arguments.checkpoint_every > 0)
        optimizer = ready_to_train(model, arguments, runtime, train_heads=False, models=models)
    reward_remark = ""
    if door is not None and arguments.reward_model is not None:
        reward_remark = measured_order(arguments.reward_model, door.rewarder, snapshot)
    return Run(
        arguments=arguments,
        progress=progress,
        runtime=runtime,
        snapshot=snapshot,
        policy=policy,
        reading=choose_strategy(model, runtime.device),
        dropout=dropout,
        optimizer=optimizer,
        train=train,
        valid=valid,
        text=text,
        prompts=prompts,
        door=door,
        reward_remark=reward_remark,
        kept=Kept(arguments.output, processes=processes),
        energy=EnergyMeter(runtime.device),
        began=began,
    )


def _sampled_prompts(
    arguments: SftArguments, policy: Policy, snapshot: Snapshot, runtime: Runtime
) -> tuple[list[Prompt], RewardDoor | None]:
    door = None
    if arguments.reward_model is not None:
        door = RewardDoor(load_checked(arguments.reward_model, policy).scorer(runtime))
    most = arguments.prompts_to_choose_by if door is not None else arguments.samples
    prompts = held_out_prompts(snapshot, policy, max_new_tokens=arguments.max_new_tokens, most=most)
    if door is not None and not prompts:
        raise Refused(
            f"{snapshot.directory} has no prompts in its split {VALID} for --reward-model to choose an epoch by. "
            "Export some, or leave --reward-model out."
        )
    return prompts, door


def _text(arguments: SftArguments, policy: Policy, snapshot: Snapshot) -> PretrainingText | None:
    if arguments.pretraining is None or not arguments.pretraining_share:
        return None
    return read_pretraining(
        arguments.pretraining, policy, length=arguments.pretraining_length, seed=arguments.seed, instead=[],
        snapshot=snapshot,
    )  # fmt: skip


def _nothing(arguments: SftArguments, snapshot: Snapshot, train: Examples) -> str:
    count = snapshot.records("demonstrations", TRAIN)
    if not count:
        return f"{arguments.data} has no demonstrations in its split {TRAIN}. Export some."
    said = " ".join(train.in_words())
    return f"None of {count} demonstrations of {arguments.data} can be learned from. {said}"
