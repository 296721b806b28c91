"""`python -m policy_trainer dpo`: a policy from rankings, without a reward model (Rafailov et al. 2023).

    python -m policy_trainer dpo --base SFT --data SNAPSHOT --output DIR
    torchrun --nproc-per-node 8 -m policy_trainer dpo --preset 6b --base SFT --data SNAPSHOT --output DIR

One batch element is one prompt with all its completions: each token passes once through the policy, and the implicit
rewards of K completions make up to K(K−1)/2 pairs of one loss, the reward model's; ties make none. What the reference
says of every completion is computed before the first step, by the same network, so there is no second one.

`dpo_steps` is the loop; `dpo` prepares it, keeps what it yields, and writes the checkpoint.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from lm.prefix_sharing.strategy import Strategy
from lm.progress import Progress
from lm.training.broken_numbers import refuse_broken_numbers, refuse_spike
from lm.training.checkpoints import Checkpoints, Done
from lm.training.dealing import own_parts
from lm.training.fsdp import whole
from lm.training.interruption import sigterm_after_the_step
from lm.training.lora import merge_adapters
from lm.training.optimizer import set_learning_rate, trainable
from lm.training.processes import ALONE, Processes
from lm.training.runtime import Runtime
from lm.training.set_up import sole_run
from lm.training.tensorboard import EventFiles
from policy_trainer import dpo_report
from policy_trainer.arguments import DpoArguments
from policy_trainer.dpo_setup import Judged, Run, prepare
from policy_trainer.log_probs import completion_log_probs
from policy_trainer.maths.dpo import implicit_rewards
from rm_trainer.loss import batch_margins, correct_pairs, ranking_loss


@dataclass(frozen=True)
class StepResult:
    """One batch, measured before its step: its rankings' mean loss; `correct` of `pairs` pairs ordered rightly by the
    implicit rewards.
    """

    loss: float
    correct: float
    pairs: int
    tokens: int
    learning_rate: float


def dpo_steps(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    runtime: Runtime,
    reading: Strategy,
    batches: Iterable[Sequence[Judged]],
    arguments: DpoArguments,
    *,
    steps: int,
    results: list[StepResult],
) -> Iterator[StepResult]:
    """The training loop, one optimizer step a batch. Yields what each step found, after adding it to `results`, which
    holds those of the steps before. `steps`: of the whole run. Raises Failed for a loss that is no number or jumps.
    """
    for step, batch in enumerate(batches, start=len(results) + 1):
        # forward, backward: every loss is divided by the whole batch's number of rankings
        sums = torch.zeros(3, dtype=torch.float64)  # loss, correct pairs, pairs
        sizes = [len(one.ranking.tokens.ids) for one in batch]
        for numbers, counts in own_parts(sizes, budget=arguments.tokens_per_microbatch, processes=runtime.processes):
            part = [batch[number] for number in numbers]
            margins = margins_of(model, runtime, reading, part, beta=arguments.beta)  # of [P]
            losses = [ranking_loss(own, label_smoothing=arguments.label_smoothing) for own in margins]
            loss = torch.stack(losses).sum() * (counts / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]
            correct = sum(float(correct_pairs(own)) for own in margins)
            pairs = sum(own.numel() for own in margins)
            sums += torch.tensor([loss.item(), counts * correct, counts * pairs], dtype=torch.float64)
        batch_loss, correct, pairs = runtime.processes.add_up(sums).tolist()

        # update: a broken or exploded batch ends the run before it touches a weight
        norm = whole(clip_grad_norm_(trainable(model), arguments.clip or torch.inf))
        ids = [one.ranking.ranking.ranking_id for one in batch]
        refuse_broken_numbers(step, ids, batch_loss, norm)
        refuse_spike(step, ids, batch_loss, [one.loss for one in results], arguments.spike_factor)
        rate = set_learning_rate(optimizer, arguments, step=step, steps=steps)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        results.append(StepResult(batch_loss, correct, int(pairs), sum(sizes), rate))
        yield results[-1]


def margins_of(
    model: PreTrainedModel, runtime: Runtime, reading: Strategy, part: Sequence[Judged], *, beta: float
) -> list[Tensor]:
    """What the implicit rewards of each ranking's better completions have over the worse ones': B of [P]."""
    prompts = [one.ranking.tokens for one in part]
    with runtime.autocast():
        log_probs = completion_log_probs(model, reading, prompts)  # [ΣC]
    reference = torch.cat([one.reference for one in part]).to(runtime.device)
    lengths = [length for one in prompts for length in one.completions]
    rewards = implicit_rewards(log_probs, reference, lengths, beta=beta)  # [S]
    return batch_margins(rewards, [one.ranking.ranks.to(runtime.device) for one in part])


def dpo(arguments: DpoArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Leaves `arguments.output` complete or absent. Raises Refused before the first step, Failed after it.

    With `checkpoint_every` the same call goes on where an earlier one ended, as if it had not.
    """
    with sole_run(arguments, processes) as curves:
        _dpo(prepare(arguments, progress, processes), curves, processes)


def _dpo(run: Run, curves: EventFiles, processes: Processes) -> None:
    arguments, progress, model = run.arguments, run.progress, run.policy.model
    progress.listeners += [run.energy.sample, curves.write]
    checkpoints = Checkpoints(arguments.output, run.decisive(), StepResult, processes)
    done = checkpoints.restore(model, run.optimizer)
    dpo_report.begin(run, done)
    curves.replay(done.events, seconds=done.seconds)
    if not done.events:
        run.show(0)
    results, began = done.results, monotonic() - done.seconds
    with sigterm_after_the_step(enabled=arguments.checkpoint_every > 0) as stop:
        loop = dpo_steps(
            model,
            run.optimizer,
            run.runtime,
            run.reading,
            run.batches(len(results)),
            arguments,
            steps=run.steps,
            results=results,
        )
        for step, result in enumerate(loop, start=len(results) + 1):
            # log, validate, checkpoint
            dpo_report.step(run, step, result.loss, result.correct / result.pairs, result, monotonic() - began)
            if arguments.eval_every and step % arguments.eval_every == 0 and step < run.steps:
                _validate(run, step)
                run.show(step)
            state = Done(results=results, events=progress.events, seconds=monotonic() - began)
            checkpoints.save_if_due(model, run.optimizer, state, every=arguments.checkpoint_every, stop=stop)
    figures = _validate(run, run.steps)
    run.show(run.steps)
    merge_adapters(model)
    tokens = sum(one.tokens for one in results)
    dpo_report.write(run, figures, curves, processes, tokens=tokens, training=monotonic() - began)
    checkpoints.remove()
    progress.done(arguments.output)


@torch.no_grad()
def _validate(run: Run, step: int) -> dict[str, float]:
    """Mean loss of a ranking and pair accuracy on the split valid; nothing where there is no pair."""
    if not run.valid:
        return {}
    sums = torch.zeros(3, dtype=torch.float64)
    sizes = [len(one.ranking.tokens.ids) for one in run.valid]
    budget = run.arguments.tokens_per_microbatch
    for numbers, counts in own_parts(sizes, budget=budget, processes=run.runtime.processes):
        part = [run.valid[number] for number in numbers]
        for own in margins_of(run.policy.model, run.runtime, run.reading, part, beta=run.arguments.beta):
            found = [float(ranking_loss(own)), float(correct_pairs(own)), own.numel()]
            sums += counts * torch.tensor(found, dtype=torch.float64)
    loss, correct, pairs = run.runtime.processes.add_up(sums).tolist()
    figures = {"valid_loss": loss / len(run.valid), "valid_accuracy": correct / pairs}
    run.progress.valid(step=step, loss=figures["valid_loss"], accuracy=figures["valid_accuracy"])
    return figures
