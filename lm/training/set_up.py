"""What every run has around its loop: a place of its own, and a model that is ready to be trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from lm.layers import freeze, recompute_activations
from lm.training.arguments import TrainingArguments
from lm.training.checkpoints import how_to_go_on
from lm.training.interruption import faults_told
from lm.training.lora import add_adapters
from lm.training.optimizer import make_optimizer
from lm.training.output import refuse_full_disk, refuse_used_output, sole_writer
from lm.training.processes import ALONE, Processes
from lm.training.runtime import Runtime
from lm.training.tensorboard import EventFiles


@contextmanager
def sole_run(arguments: TrainingArguments, processes: Processes = ALONE) -> Iterator[EventFiles]:
    """Holds the output's place for one run, whose curves it gives. What was lost on the way is said with how to go on.

    Raises Refused for a place that holds something already or that another run holds.
    """
    with processes.agreed():
        refuse_used_output(arguments.output)
    curves = EventFiles(arguments, writes=processes.first)
    with sole_writer(arguments.output, processes), faults_told(lambda: how_to_go_on(arguments.output)), curves:
        yield curves


def ready_to_train(
    model: PreTrainedModel, arguments: TrainingArguments, runtime: Runtime, *, train_heads: bool = True, models: int = 1
) -> torch.optim.Optimizer:
    """Adapters, what is frozen, recomputation, the device; returns the optimizer over what trains. `train_heads`: as
    `add_adapters` says. `models`: how many lie on the disk at a time. Raises Refused, also where there is no room.
    """
    add_adapters(
        model, rank=arguments.lora_rank, alpha=arguments.lora_alpha, seed=arguments.seed, train_heads=train_heads
    )
    freeze(model, embeddings=arguments.freeze_embeddings, layers=arguments.freeze_layers)
    refuse_full_disk(
        arguments.output,
        model,
        models=models,
        checkpoints=arguments.checkpoint_every > 0,
        optimizer=arguments.optimizer,
    )
    if arguments.recompute_activations:
        recompute_activations(model)
    runtime.place(model)
    return make_optimizer(model, arguments)
