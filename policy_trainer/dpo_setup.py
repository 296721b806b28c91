"""Everything that a DPO run is given: read, checked and placed before the first step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from time import monotonic

import torch
from torch import Tensor

from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.progress import Progress
from lm.training.batches import shuffled_batches
from lm.training.dealing import own_parts
from lm.training.energy import EnergyMeter
from lm.training.processes import Processes
from lm.training.runtime import Runtime, prepare_runtime
from lm.training.set_up import ready_to_train
from policy_trainer.arguments import DpoArguments
from policy_trainer.log_probs import completion_log_probs
from policy_trainer.model import Policy, load_policy
from policy_trainer.prompts import held_out_prompts
from policy_trainer.rollout import Prompt, Sampling, sample
from policy_trainer.samples import samples_of
from rm_trainer.data import Records, TrainingData, read_records, render_records
from rm_trainer.token_file import TokenizedRanking


@dataclass(frozen=True)
class Judged:
    """A ranking, and what the reference says of its completions' tokens: log-probabilities [ΣC] on the CPU."""

    ranking: TokenizedRanking
    reference: Tensor


@dataclass(frozen=True)
class Run:
    """Rankings of the splits with at least one pair, in memory. `prompts`: of the split valid, answered to be read."""

    arguments: DpoArguments
    progress: Progress
    runtime: Runtime
    records: Records
    data: TrainingData
    policy: Policy
    reading: Strategy
    optimizer: torch.optim.Optimizer
    train: Sequence[Judged]
    valid: Sequence[Judged]
    prompts: Sequence[Prompt]
    energy: EnergyMeter
    began: float

    @property
    def steps(self) -> int:
        return self.arguments.epochs * ceil(len(self.train) / self.arguments.rankings_per_batch)

    def decisive(self) -> dict[str, str]:
        """Returns all that decides the steps of the run."""
        return {**self.arguments.of_the_run(), "snapshot_sha256": self.records.snapshot.sha256}

    def batches(self, done: int) -> Iterator[list[Judged]]:
        """The batches behind the first `done`."""
        numbers = shuffled_batches(
            self.data.train.column("prompt_id"),
            size=self.arguments.rankings_per_batch,
            epochs=self.arguments.epochs,
            seed=self.arguments.seed,
        )
        return ([self.train[number] for number in batch] for batch in islice(numbers, done, None))

    def show(self, step: int) -> None:
        """Answers the prompts, by the same seeds every time."""
        arguments = self.arguments
        if self.prompts:
            sampling = Sampling(1, arguments.max_new_tokens, max_tokens=arguments.tokens_in_rollout)
            rollouts = sample(self.policy, self.runtime, self.prompts, sampling, seed=arguments.seed, version=step)
            self.progress.say(
                {"event": "samples", "step": step, "samples": samples_of(rollouts, [None] * len(rollouts))},
                f"Answered {len(rollouts)} validation prompts.",
            )


def prepare(arguments: DpoArguments, progress: Progress, processes: Processes) -> Run:
    """Raises Refused."""
    began = monotonic()
    with processes.in_turn():
        runtime = prepare_runtime(arguments, arguments.dtype, processes, recomputes=arguments.recompute_activations)
        records = read_records(arguments.data, None)
        policy = load_policy(arguments.base, max_length=arguments.max_length)
        data = render_records(records, policy.renderer, None)
        model = policy.model
        prompts = held_out_prompts(
            records.snapshot, policy, max_new_tokens=arguments.max_new_tokens, most=arguments.samples
        )
        optimizer = ready_to_train(model, arguments, runtime, train_heads=False)
    reading = choose_strategy(model, runtime.device)
    train, valid = (judged(policy, runtime, reading, list(one), arguments) for one in (data.train, data.valid))
    return Run(
        arguments=arguments,
        progress=progress,
        runtime=runtime,
        records=records,
        data=data,
        policy=policy,
        reading=reading,
        optimizer=optimizer,
        train=train,
        valid=valid,
        prompts=prompts,
        energy=EnergyMeter(runtime.device),
        began=began,
    )


@torch.no_grad()
def judged(
    policy: Policy, runtime: Runtime, reading: Strategy, rankings: Sequence[TokenizedRanking], arguments: DpoArguments
) -> list[Judged]:
    """The rankings with what the policy, as it is now, says of them. Each process computes its share."""
    places = [torch.zeros(sum(one.tokens.completions)) for one in rankings]
    sizes = [len(one.tokens.ids) for one in rankings]
    for numbers, counts in own_parts(sizes, budget=arguments.tokens_per_microbatch, processes=runtime.processes):
        prompts = [rankings[number].tokens for number in numbers]
        with runtime.autocast():
            found = completion_log_probs(policy.model, reading, prompts).cpu()
        for number, own in zip(numbers, torch.split(found, [sum(one.completions) for one in prompts]), strict=True):
            places[number].add_(own, alpha=int(counts))
    for place in places:
        runtime.processes.add_up(place)
    return [Judged(one, place) for one, place in zip(rankings, places, strict=True)]
