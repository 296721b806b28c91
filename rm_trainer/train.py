"""`python -m rm_trainer train`: a reward model from rankings, after InstructGPT §3.5 and C.2.

    python -m rm_trainer train --data SNAPSHOT --base MODEL --output DIR
    python -m rm_trainer train --data SNAPSHOT --base MODEL --output DIR --freeze-embeddings --dtype bfloat16
    torchrun --nproc-per-node 8 -m rm_trainer train --preset 6b --data SNAPSHOT --output DIR

One batch element is one prompt with all its completions: the prompt's tokens pass through the network once, each
completion's once (lm/prefix_sharing), and the K scores make up to K(K−1)/2 pairs of one loss. Shuffled as separate
pairs they would overfit within an epoch, each completion being seen K−1 times.

Several processes do the same steps as one (lm/training/processes.py): all of them run these lines, the first one talks
and writes. `training_steps` is the loop; `train` prepares it, keeps what it yields, and writes the checkpoint.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path
from time import monotonic

import torch
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.progress import Progress
from lm.rendering import Renderer
from lm.training.batches import shuffled_batches
from lm.training.broken_numbers import refuse_broken_numbers, refuse_spike
from lm.training.checkpoints import Checkpoints, Done
from lm.training.dealing import own_parts
from lm.training.energy import EnergyMeter
from lm.training.fsdp import whole, whole_weights
from lm.training.interruption import sigterm_after_the_step
from lm.training.lora import merge_adapters
from lm.training.optimizer import set_learning_rate, trainable
from lm.training.output import shared_atomic_directory
from lm.training.processes import ALONE, Processes
from lm.training.provenance import provenance
from lm.training.read_ahead import ReadAhead
from lm.training.runtime import Runtime, prepare_runtime
from lm.training.set_up import ready_to_train, sole_run
from lm.training.tensorboard import EventFiles
from rm_trainer import report, reward_bias
from rm_trainer.arguments import TrainArguments
from rm_trainer.data import Records, TrainingData, read_records, render_records
from rm_trainer.evaluate import outcomes_of
from rm_trainer.evaluation.metrics import Outcome
from rm_trainer.loss import batch_margins, correct_pairs, ranking_loss
from rm_trainer.metrics import Metrics
from rm_trainer.model import load_base_model, score_hidden
from rm_trainer.steps import StepResult
from rm_trainer.token_file import TokenizedRanking


def training_steps(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    runtime: Runtime,
    sharing: Strategy,
    batches: Iterable[Sequence[TokenizedRanking]],
    arguments: TrainArguments,
    *,
    steps: int,
    results: list[StepResult],
) -> Iterator[StepResult]:
    """The training loop, one optimizer step a batch. Yields what each step found, after adding it to `results`, which
    holds those of the steps before. `steps`: of the whole run. Raises Failed for a loss that is no number or jumps.
    """
    for step, batch in enumerate(batches, start=len(results) + 1):
        # forward, backward: in micro-batches, of which several processes compute different ones. Every loss is divided
        # by the whole batch's number of rankings, so the gradient is the same however the batch is parted. One that
        # doesn't count is computed only because FSDP wants all processes at every turn.
        sums = torch.zeros(4, dtype=torch.float64)  # loss, correct pairs, pairs, computed tokens
        sizes = [len(one.tokens.ids) for one in batch]
        for numbers, counts in own_parts(sizes, budget=arguments.tokens_per_microbatch, processes=runtime.processes):
            rankings = [batch[number] for number in numbers]  # B of them, with S = ΣK completions
            prompts = [one.tokens for one in rankings]
            with runtime.autocast():
                hidden = sharing.last_hidden_states(model, prompts)  # [S, d]
                rewards = score_hidden(model, hidden)  # [S] float32
            margins = batch_margins(rewards, [one.ranks.to(runtime.device) for one in rankings])  # B of [P]
            losses = [
                ranking_loss(own, one.strengths, strength=arguments.strength, label_smoothing=arguments.label_smoothing)
                for own, one in zip(margins, rankings, strict=True)
            ]  # B scalars
            loss = torch.stack(losses).sum() * (counts / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]
            correct = sum(float(correct_pairs(one)) for one in margins)
            found = [correct, sum(one.numel() for one in margins), sharing.computed_tokens(prompts)]
            sums += torch.tensor([loss.item(), *(counts * one for one in found)], dtype=torch.float64)
        batch_loss, correct, pairs, computed = runtime.processes.add_up(sums).tolist()

        # update: a broken or exploded batch ends the run before it touches a weight
        norm = whole(clip_grad_norm_(trainable(model), arguments.clip or torch.inf))
        ids = [one.ranking.ranking_id for one in batch]
        refuse_broken_numbers(step, ids, batch_loss, norm)
        refuse_spike(step, ids, batch_loss, [one.loss for one in results], arguments.spike_factor)
        rate = set_learning_rate(optimizer, arguments, step=step, steps=steps)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        results.append(
            StepResult(
                loss=batch_loss,
                correct=correct,
                pairs=int(pairs),
                computed_tokens=int(computed),
                tokens=sum(sum(one.tokens.lengths) for one in batch),
                learning_rate=rate,
            )
        )
        yield results[-1]


def train(arguments: TrainArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Leaves `arguments.output` complete or absent. Raises Refused before the first step, Failed after it.

    With `checkpoint_every` the same call goes on where an earlier one ended, as if it had not.
    """
    with sole_run(arguments, processes) as curves:
        _train(arguments, progress, processes, curves)


@dataclass(frozen=True)
class Run:
    """What a run has been given, checked and loaded. `began`: by the clock of `monotonic`."""

    arguments: TrainArguments
    progress: Progress
    runtime: Runtime
    records: Records
    data: TrainingData
    model: PreTrainedModel
    renderer: Renderer
    sharing: Strategy
    energy: EnergyMeter
    began: float

    @property
    def steps(self) -> int:
        return self.arguments.epochs * ceil(len(self.data.train) / self.arguments.rankings_per_batch)

    def decisive(self) -> dict[str, str | None]:
        """Returns all that decides the steps of the run: its options, and the hashes of its data."""
        records = self.records
        hashes = {"snapshot_sha256": records.snapshot.sha256, "demonstrations_sha256": records.demonstrations_sha256}
        return self.arguments.of_the_run() | hashes

    def outcomes(self, rankings: Sequence[TokenizedRanking]) -> list[Outcome]:
        tokens = self.arguments.tokens_per_microbatch
        return outcomes_of(self.model, self.runtime, self.sharing, rankings, tokens=tokens) if rankings else []

    def validate(self, *, step: int) -> list[Outcome]:
        outcomes = self.outcomes(self.data.valid)
        metrics = report.metrics_of(outcomes, self.arguments)
        if metrics is not None:
            self.progress.valid(step=step, loss=metrics["loss"], accuracy=metrics["pair_accuracy"])
        return outcomes


def _train(arguments: TrainArguments, progress: Progress, processes: Processes, curves: EventFiles) -> None:
    run, optimizer = _prepare(arguments, progress, processes)
    model, data = run.model, run.data
    progress.listeners += [run.energy.sample, curves.write]
    report.note_what_is_unusual(data, run.renderer, run.sharing, arguments, progress)
    checkpoints = Checkpoints(arguments.output, run.decisive(), StepResult, processes)
    done = checkpoints.restore(model, optimizer)
    if done.results:
        progress.note(f"Going on after step {len(done.results)}.")
    progress.start(
        steps=run.steps,
        train_rankings=len(data.train),
        train_pairs=data.counts["train"]["pairs"],
        valid_rankings=len(data.valid),
    )
    progress.events += done.events[1:]  # the first is the start, said again above
    curves.replay(done.events, seconds=done.seconds)

    results, training_began = done.results, monotonic() - done.seconds
    with sigterm_after_the_step(enabled=arguments.checkpoint_every > 0) as stop, _batches(run, results) as batches:
        loop = training_steps(
            model, optimizer, run.runtime, run.sharing, batches, arguments, steps=run.steps, results=results
        )
        for step, result in enumerate(loop, start=len(results) + 1):
            # log, validate, checkpoint: a stop that was asked for comes after the step, which is saved first
            progress.step(
                step=step,
                steps=run.steps,
                loss=result.loss,
                accuracy=result.correct / result.pairs,
                learning_rate=result.learning_rate,
                seconds=monotonic() - training_began,
                tokens=result.tokens,
            )
            if arguments.eval_every and step % arguments.eval_every == 0 and step < run.steps:
                run.validate(step=step)
            state = Done(results=results, events=progress.events, seconds=monotonic() - training_began)
            checkpoints.save_if_due(model, optimizer, state, every=arguments.checkpoint_every, stop=stop)
    spent = {"training": monotonic() - training_began, "waiting_for_data": batches.waited}
    del optimizer, loop  # the two moments are twice the model's size, and the written model is read back below
    merge_adapters(model)
    _write(run, results, spent, processes, curves)
    checkpoints.remove()
    progress.done(arguments.output)


def _prepare(arguments: TrainArguments, progress: Progress, processes: Processes) -> tuple[Run, torch.optim.Optimizer]:
    """Reads and checks everything, and places the model. Raises Refused."""
    began = monotonic()
    with processes.in_turn():
        runtime = prepare_runtime(arguments, arguments.dtype, processes, recomputes=arguments.recompute_activations)
        records = read_records(arguments.data, arguments.demonstrations)
        model, renderer = load_base_model(arguments.base, max_length=arguments.max_length, seed=arguments.seed)
        data = render_records(records, renderer, arguments.cache_directory, half=arguments.half)
        optimizer = ready_to_train(model, arguments, runtime)
    run = Run(
        arguments=arguments,
        progress=progress,
        runtime=runtime,
        records=records,
        data=data,
        model=model,
        renderer=renderer,
        sharing=choose_strategy(model, runtime.device),
        energy=EnergyMeter(runtime.device),
        began=began,
    )
    return run, optimizer


def _batches(run: Run, done: Sequence[StepResult]) -> ReadAhead[list[TokenizedRanking]]:
    """The batches that are left, read from the disk one ahead."""
    numbers = shuffled_batches(
        run.data.train.column("prompt_id"),
        size=run.arguments.rankings_per_batch,
        epochs=run.arguments.epochs,
        seed=run.arguments.seed,
    )
    return ReadAhead(list(run.data.train.select(batch)) for batch in islice(numbers, len(done), None))


def _write(
    run: Run, results: Sequence[StepResult], seconds: dict[str, float], processes: Processes, curves: EventFiles
) -> None:
    """Measures the trained model, and writes it with all that is said of it. The output appears whole."""
    arguments, model, data = run.arguments, run.model, run.data
    valid, test = run.validate(step=run.steps), run.outcomes(data.test)
    tokens = arguments.tokens_per_microbatch
    model.config.reward_bias = reward_bias.for_mean_zero(
        model, run.runtime, run.sharing, data.demonstrations, tokens=tokens
    )
    model.config.reward_dtype = run.runtime.describe()["dtype"]
    weights = whole_weights(model)
    with shared_atomic_directory(arguments.output, processes) as directory:
        with processes.agreed():
            if processes.first:
                model.save_pretrained(directory, state_dict=weights)
                run.renderer.tokenizer.save_pretrained(directory)
        metrics: Metrics = {
            "schema": 1,
            "train": report.train_metrics(results, data.train),
            "valid": report.metrics_of(valid, arguments),
            "test": report.metrics_of(test, arguments),
            "analysis": {
                "valid": report.analysis_of(valid, arguments),
                "test": report.analysis_of(test, arguments),
            },
            **reward_bias.check_written(directory, run.runtime, data.demonstrations, tokens=tokens),
            "counts": data.counts,
            "prompt_reading": report.reading(run.sharing, data.counts["train"], results, epochs=arguments.epochs),
            "tokens": {"trained": arguments.epochs * data.counts["train"]["tokens"]},
            "seconds": {
                "training": seconds["training"],
                "waiting_for_data": seconds["waiting_for_data"],
                "total": monotonic() - run.began,
            },
            "energy": run.energy.describe(),
            "demonstrations_sha256": run.records.demonstrations_sha256,
            **provenance(
                arguments,
                run.runtime,
                run.renderer,
                run.records.snapshot,
                steps=run.steps,
                trainer=Path(__file__).parent,
            ),
        }
        if processes.first:
            curves.move_into(directory)
            report.write(directory, metrics, run.progress)
