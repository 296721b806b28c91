"""`python -m benchmarks.training.our_step JSON`: optimizer steps of rm_trainer on one ranking.

`way`: "ours", what the trainer itself chooses; "full", K full sequences through plain transformers. Either has as many
prompts a pass as the trainer's default budget of tokens holds, one at least; ours never more tokens.
"""

import json
import sys
from itertools import repeat
from time import perf_counter
from typing import Any

import torch

from benchmarks.training.shape import random_model, random_sequences
from benchmarks.training.side import Task, answer
from lm.fused_rms_norm import fuse_rms_norms
from lm.layers import recompute_activations
from lm.prefix_sharing.attention import use_row_attention
from lm.prefix_sharing.shared_prompt import share_prefix
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.snapshot.records.rankings import Ranking
from lm.training.freed_memory import keep_freed_memory
from lm.training.optimizer import make_optimizer
from lm.training.runtime import Runtime
from rm_trainer.arguments import TrainArguments
from rm_trainer.token_file import TokenizedRanking
from rm_trainer.train import training_steps

ARGUMENTS: dict[str, Any] = {"data": "", "base": "", "output": ""}


class Clock:
    """Seconds of a step's gradients, until they are clipped, and of its optimizer; TRL's are taken alike."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.gradients: list[float] = []
        self.steps: list[float] = []
        self.began = perf_counter()
        optimizer.register_step_pre_hook(self._before)
        optimizer.register_step_post_hook(self._after)

    def start(self) -> None:
        self.began = perf_counter()

    def _before(self, *_: Any) -> None:
        self.gradients.append(perf_counter() - self.began)
        self.began = perf_counter()

    def _after(self, *_: Any) -> None:
        self.steps.append(perf_counter() - self.began)


def main(given: dict[str, Any]) -> None:
    keep_freed_memory()  # as the command does
    way = given.pop("way")
    task = Task(**given)
    model = random_model(small=task.small)
    if way == "ours":
        use_row_attention(fuse_rms_norms(model))
    if task.checkpointing:
        recompute_activations(model)
    runtime = Runtime(device=torch.device("cpu"), dtype=getattr(torch, task.dtype), keeps_casts=not task.checkpointing)
    sharing = choose_strategy(model, runtime.device) if way == "ours" else Strategy("full")
    arguments = TrainArguments(**ARGUMENTS, spike_factor=0, final_learning_rate_fraction=1)
    optimizer = make_optimizer(model, arguments)
    prompts = prompts_a_pass(task, way)
    batch = [tokenized_ranking(random_sequences(model, task.k, task.prompt, task.completion))] * prompts
    clock = Clock(optimizer)
    # The first step sets up buffers and kernels, and the optimizer's moments.
    loop = training_steps(
        model, optimizer, runtime, sharing, repeat(batch), arguments, steps=1 + task.steps, results=[]
    )
    losses = []
    for _ in range(1 + task.steps):
        clock.start()
        losses.append(next(loop).loss)
    answer([seconds / prompts for seconds in clock.gradients[1:]], clock.steps[1:], losses[0])


def prompts_a_pass(task: Task, way: str) -> int:
    budget = TrainArguments.tokens_per_microbatch
    full = max(1, budget // task.full_tokens)
    return full if way == "full" else max(1, min(budget, full * task.full_tokens) // task.unique_tokens)


def tokenized_ranking(sequences: list[torch.Tensor]) -> TokenizedRanking:
    """The sequences as a ranking, the earlier the better."""
    k = len(sequences)
    ranking = Ranking(
        ranking_id=1,
        prompt_id=1,
        prompt=(),
        completion_ids=tuple(range(k)),
        completions=("",) * k,
        ranks=tuple(range(1, k + 1)),
    )
    return TokenizedRanking(ranking=ranking, tokens=share_prefix(sequences))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
