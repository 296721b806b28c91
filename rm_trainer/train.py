"""`python -m rm_trainer train`: a reward model from rankings, after InstructGPT §3.5 and C.2.

    python -m rm_trainer train --data SNAPSHOT --base MODEL --output DIR
    python -m rm_trainer train --data SNAPSHOT --base MODEL --output DIR --freeze-embeddings --dtype bfloat16
    torchrun --nproc-per-node 8 -m rm_trainer train --preset 6b --data SNAPSHOT --output DIR

One batch element is one prompt with all its completions: the prompt's tokens pass through the network once, each
completion's once (rm_trainer/sharing), and the K scores make up to K(K−1)/2 pairs of one loss. Shuffled as separate
pairs they would overfit within an epoch, each completion being seen K−1 times.

Several processes do the same steps as one (lm/training/processes.py): all of them run these lines, the first one talks
and writes.
"""

from collections.abc import Sequence
from itertools import islice
from math import ceil
from pathlib import Path
from time import monotonic

from transformers import PreTrainedModel

from lm.errors import Terminated
from lm.layers import freeze, recompute_activations
from lm.progress import Progress
from lm.training.checkpoints import Checkpoints, Done, how_to_go_on
from lm.training.energy import EnergyMeter
from lm.training.fsdp import whole_weights
from lm.training.interruption import faults_told, sigterm_after_the_step
from lm.training.lora import add_adapters, merge_adapters
from lm.training.output import refuse_full_disk, refuse_used_output, shared_atomic_directory, sole_writer
from lm.training.processes import ALONE, Processes
from lm.training.provenance import provenance
from lm.training.runtime import Runtime, prepare_runtime
from lm.training.schedule import learning_rate
from lm.training.tensorboard import EventFiles
from rm_trainer import report, shift
from rm_trainer.arguments import TrainArguments
from rm_trainer.batches import Group, shuffled_batches
from rm_trainer.data import read_records, render_records
from rm_trainer.evaluate import outcomes_of
from rm_trainer.evaluation.metrics import Outcome
from rm_trainer.model import load_base
from rm_trainer.objective import Objective
from rm_trainer.optimization import (
    BatchResult,
    accumulate_gradients,
    apply_gradients,
    make_optimizer,
    refuse_broken_numbers,
    refuse_spike,
)
from rm_trainer.read_ahead import ReadAhead
from rm_trainer.sharing.choice import choose


def train(arguments: TrainArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Leaves `arguments.output` complete or absent. Raises Refused before the first step, Failed after it.

    With `checkpoint_every` the same call goes on where an earlier one ended, as if it had not.
    """
    with processes.agreed():
        refuse_used_output(arguments.output)
    curves = EventFiles(arguments, writes=processes.first)
    with sole_writer(arguments.output, processes), faults_told(lambda: how_to_go_on(arguments.output)), curves:
        _train(arguments, progress, processes, curves)


def _train(arguments: TrainArguments, progress: Progress, processes: Processes, curves: EventFiles) -> None:
    began = monotonic()
    with processes.in_turn():
        runtime = prepare_runtime(arguments, arguments.dtype, processes, recomputes=arguments.recompute_activations)
        records = read_records(arguments.data, arguments.demonstrations)
        model, renderer = load_base(arguments.base, max_length=arguments.max_length, seed=arguments.seed)
        data = render_records(records, renderer, arguments.cache_directory)
        add_adapters(model, rank=arguments.lora_rank, alpha=arguments.lora_alpha, seed=arguments.seed)
        freeze(model, embeddings=arguments.freeze_embeddings, layers=arguments.freeze_layers)
        refuse_full_disk(
            arguments.output, model, checkpoints=arguments.checkpoint_every > 0, optimizer=arguments.optimizer
        )
        if arguments.recompute_activations:
            recompute_activations(model)
        runtime.place(model)
        optimizer = make_optimizer(model, arguments)
    choice = choose(model, runtime.device, checkpointing=arguments.recompute_activations)
    energy = EnergyMeter(runtime.device)
    progress.listeners += [energy.sample, curves.write]
    report.note_what_is_unusual(data, renderer, choice, arguments, progress)
    hashes = {"snapshot": records.snapshot.sha256, "of demonstrations": records.demonstrations_sha256}
    checkpoints = Checkpoints(arguments.output, arguments.of_the_run() | hashes, BatchResult, processes)
    done = checkpoints.restore(model, optimizer)
    results = done.results
    steps = arguments.epochs * ceil(len(data.train) / arguments.rankings_per_batch)
    if results:
        progress.note(f"Going on after step {len(results)}.")
    progress.start(
        steps=steps,
        train_rankings=len(data.train),
        train_pairs=data.counts["train"]["pairs"],
        valid_rankings=len(data.valid),
    )

    tokens = arguments.tokens_per_microbatch
    objective = Objective(strength=arguments.strength, label_smoothing=arguments.label_smoothing)
    progress.events += done.events[1:]  # the first is the start, said again above
    curves.replay(done.events, seconds=done.seconds)
    training_began = monotonic() - done.seconds
    batches = shuffled_batches(
        data.train,
        prompts=data.prompts,
        size=arguments.rankings_per_batch,
        epochs=arguments.epochs,
        seed=arguments.seed,
    )
    loaded = ReadAhead(list(batch) for batch in islice(batches, len(results), None))
    with sigterm_after_the_step(enabled=arguments.checkpoint_every > 0) as stop, loaded:
        for step, batch in enumerate(loaded, start=len(results) + 1):
            rate = learning_rate(
                step=step,
                steps=steps,
                peak=arguments.learning_rate,
                final_fraction=arguments.final_learning_rate_fraction,
                warmup_steps=arguments.warmup_steps,
            )
            result = accumulate_gradients(model, runtime, batch, tokens=tokens, objective=objective)
            norm = apply_gradients(model, optimizer, learning_rate=rate, clip=arguments.clip)
            refuse_broken_numbers(step, batch, result.loss, norm)
            refuse_spike(step, batch, result.loss, results, arguments.spike_factor)
            results.append(result)
            progress.step(
                step=step,
                steps=steps,
                loss=result.loss,
                accuracy=result.correct / result.pairs,
                learning_rate=rate,
                seconds=monotonic() - training_began,
                tokens=report.tokens_of(batch),
            )
            if arguments.eval_every and step % arguments.eval_every == 0 and step < steps:
                _validate(model, runtime, data.valid, arguments, progress, step=step)
            stopping = processes.any(stop.asked)
            if stopping or (arguments.checkpoint_every and step % arguments.checkpoint_every == 0):
                seconds = monotonic() - training_began
                checkpoints.save(model, optimizer, Done(results=results, events=progress.events, seconds=seconds))
            if stopping:
                raise Terminated
    training_seconds = monotonic() - training_began
    del optimizer  # its two moments are twice the model's size, and the written model is read back below

    merge_adapters(model)

    valid = _validate(model, runtime, data.valid, arguments, progress, step=steps)
    test = _judge(model, runtime, data.test, arguments)
    model.config.reward_shift = shift.for_mean_zero(model, runtime, data.demonstrations, tokens=tokens)
    weights = whole_weights(model)
    with shared_atomic_directory(arguments.output, processes) as directory:
        with processes.agreed():
            if processes.first:
                model.save_pretrained(directory, state_dict=weights)
                renderer.tokenizer.save_pretrained(directory)
        metrics = {
            "schema": 1,
            "train": report.train_metrics(results, data.train),
            "valid": report.metrics_of(valid, arguments),
            "test": report.metrics_of(test, arguments),
            "analysis": {
                "valid": report.analysis_of(valid, arguments),
                "test": report.analysis_of(test, arguments),
            },
            **shift.check_written(directory, runtime, data.demonstrations, tokens=tokens),
            "counts": data.counts,
            "prompt_reading": report.reading(choice, data.counts["train"], results, epochs=arguments.epochs),
            "tokens": {"trained": arguments.epochs * data.counts["train"]["tokens"]},
            "seconds": {
                "training": training_seconds,
                "waiting_for_data": loaded.waited,
                "total": monotonic() - began,
            },
            "energy": energy.describe(),
            "demonstrations_sha256": records.demonstrations_sha256,
            **provenance(arguments, runtime, renderer, records.snapshot, steps=steps, trainer=Path(__file__).parent),
        }
        if processes.first:
            curves.move_into(directory)
            report.write(directory, metrics, progress)
    checkpoints.remove()
    progress.done(arguments.output)


def _validate(
    model: PreTrainedModel,
    runtime: Runtime,
    groups: Sequence[Group],
    arguments: TrainArguments,
    progress: Progress,
    *,
    step: int,
) -> list[Outcome]:
    outcomes = _judge(model, runtime, groups, arguments)
    metrics = report.metrics_of(outcomes, arguments)
    if metrics is not None:
        progress.valid(step=step, loss=metrics["loss"], accuracy=metrics["pair_accuracy"])
    return outcomes


def _judge(
    model: PreTrainedModel, runtime: Runtime, groups: Sequence[Group], arguments: TrainArguments
) -> list[Outcome]:
    return outcomes_of(model, runtime, groups, tokens=arguments.tokens_per_microbatch) if groups else []
