"""`python -m policy_trainer sft`: a language model from people's demonstrations, after InstructGPT §3.5 and C.1.

    python -m policy_trainer sft --base MODEL --data SNAPSHOT --output DIR
    python -m policy_trainer sft --base MODEL --data SNAPSHOT --output DIR --reward-model RM
    torchrun --nproc-per-node 8 -m policy_trainer sft --preset 6b --data SNAPSHOT --output DIR

Demonstrations stand in rows without padding, none sees another, and the vocabulary's logits are made of the learned
tokens alone. Every epoch leaves a model. The validation loss turns after an epoch or so while people go on preferring
later ones (InstructGPT §3.5), so the epoch that is kept is the one whose samples the reward model scores highest.

`sft_steps` is the loop; `sft` prepares it, keeps what it yields, measures every epoch and writes the chosen one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import torch
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from lm.prefix_sharing.strategy import Strategy
from lm.progress import Progress
from lm.training.broken_numbers import refuse_broken_numbers, refuse_spike
from lm.training.checkpoints import Checkpoints, Done
from lm.training.dealing import own_parts
from lm.training.fsdp import whole
from lm.training.interruption import sigterm_after_the_step
from lm.training.optimizer import set_learning_rate, trainable
from lm.training.processes import ALONE, Processes
from lm.training.runtime import Runtime
from lm.training.set_up import sole_run
from lm.training.tensorboard import EventFiles
from policy_trainer import sft_report
from policy_trainer.arguments import SftArguments
from policy_trainer.choosing import chosen
from policy_trainer.examples import Example
from policy_trainer.learned import learned_log_probs
from policy_trainer.metrics import EpochRow
from policy_trainer.residual_dropout import ResidualDropout
from policy_trainer.sft_setup import Run, prepare


@dataclass(frozen=True)
class StepResult:
    """One batch, measured before its step: the mean loss of its learned tokens. `row`: of an epoch's last step;
    `before`: of the first step, that of the base.
    """

    loss: float
    learned: int
    tokens: int
    learning_rate: float
    row: EpochRow | None = None
    before: EpochRow | None = None


def sft_steps(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    runtime: Runtime,
    reading: Strategy,
    dropout: ResidualDropout,
    batches: Iterable[Sequence[Example]],
    arguments: SftArguments,
    *,
    steps: int,
    results: list[StepResult],
) -> Iterator[StepResult]:
    """The training loop, one optimizer step a batch. Yields what each step found, after adding it to `results`, which
    holds those of the steps before. `steps`: of the whole run. Raises Failed for a loss that is no number or jumps.
    """
    for step, batch in enumerate(batches, start=len(results) + 1):
        # forward, backward: in rows, of which several processes compute different ones. Every loss is divided by the
        # whole batch's learned tokens, so the gradient is the same however the batch is parted.
        learned = sum(one.count for one in batch)
        loss_here = torch.zeros(1, dtype=torch.float64)
        sizes = [len(one.ids) for one in batch]
        parts = own_parts(sizes, budget=arguments.tokens_per_microbatch, processes=runtime.processes)
        for turn, (numbers, counts) in enumerate(parts):
            part = [batch[number] for number in numbers]
            with dropout.drawn(arguments.seed, step, runtime.processes.rank, turn):
                loss = -learned_log_probs(model, runtime, reading, part).sum() * (counts / learned)
                loss.backward()  # type: ignore[no-untyped-call]
            loss_here += loss.item()
        batch_loss = runtime.processes.add_up(loss_here).item()

        # update: a broken or exploded batch ends the run before it touches a weight
        norm = whole(clip_grad_norm_(trainable(model), arguments.clip or torch.inf))
        ids = [one.record for one in batch if one.record]  # rows of pretraining text have none
        refuse_broken_numbers(step, ids, batch_loss, norm, of="demonstrations")
        earlier = [one.loss for one in results] or [batch_loss]  # what the first step costs is no jump
        refuse_spike(step, ids, batch_loss, earlier, arguments.spike_factor, of="demonstrations")
        rate = set_learning_rate(optimizer, arguments, step=step, steps=steps)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        results.append(StepResult(loss=batch_loss, learned=learned, tokens=sum(sizes), learning_rate=rate))
        yield results[-1]


def sft(arguments: SftArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Leaves `arguments.output` complete or absent. Raises Refused before the first step, Failed after it.

    With `checkpoint_every` the same call goes on where an earlier one ended, as if it had not.
    """
    with sole_run(arguments, processes) as curves:
        _sft(prepare(arguments, progress, processes), curves, processes)


def _sft(run: Run, curves: EventFiles, processes: Processes) -> None:
    arguments, progress, model = run.arguments, run.progress, run.policy.model
    progress.listeners += [run.energy.sample, curves.write]
    checkpoints = Checkpoints(arguments.output, run.decisive(), StepResult, processes)
    done = checkpoints.restore(model, run.optimizer)
    sft_report.begin(run, done)
    curves.replay(done.events, seconds=done.seconds)
    before = done.results[0].before if done.results else run.before_training()
    results, began, saved = done.results, monotonic() - done.seconds, len(done.results)
    with sigterm_after_the_step(enabled=arguments.checkpoint_every > 0) as stop:
        loop = sft_steps(
            model,
            run.optimizer,
            run.runtime,
            run.reading,
            run.dropout,
            run.batches(len(results)),
            arguments,
            steps=run.steps,
            results=results,
        )
        for step, result in enumerate(loop, start=len(results) + 1):
            # log; measure and keep an epoch's model; checkpoint
            sft_report.step(run, step, result.loss, result.learning_rate, result.tokens, seconds=monotonic() - began)
            if step == 1:
                results[-1] = replace(result, before=before)
            if step % run.steps_per_epoch == 0:
                row = run.measure(step, [one.loss for one in results[-run.steps_per_epoch :]])
                results[-1] = replace(results[-1], row=row)
                _keep(run, _rows(results), saved=_rows(results[:saved]))
            state = Done(results=results, events=progress.events, seconds=monotonic() - began)
            if checkpoints.save_if_due(model, run.optimizer, state, every=arguments.checkpoint_every, stop=stop):
                saved = step
    rows = _rows(results)
    tokens = sum(one.tokens for one in results)
    sft_report.write(run, before, rows, curves, processes, tokens=tokens, training=monotonic() - began)
    checkpoints.remove()
    progress.done(arguments.output)


def _rows(results: Sequence[StepResult]) -> list[EpochRow]:
    return [one.row for one in results if one.row is not None]


def _keep(run: Run, rows: Sequence[EpochRow], *, saved: Sequence[EpochRow]) -> None:
    """Writes the epoch's model if it is the best so far, or all are asked for. Of the others stays the best of the
    epochs that the last checkpoint has, with which a run goes on that is killed before the next one.
    """
    best = {chosen(some)[0]["epoch"] for some in (rows, saved) if some}
    if run.arguments.keep_epochs or len(rows) in best:
        run.kept.model(run.policy, len(rows))
    if not run.arguments.keep_epochs:
        run.kept.forget_models(but=best)
