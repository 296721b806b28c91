"""`python -m benchmarks.training.our_step JSON`: optimizer steps of rm_trainer on one ranking.

`way`: "ours", what the trainer itself chooses; "full", K full sequences through plain transformers. Either has as many
prompts a pass as the trainer's default budget of tokens holds, one at least; ours never more tokens.
"""

import json
import sys
from time import perf_counter
from typing import Any

import torch
from rm_trainer.norms import fuse_norms
from rm_trainer.sharing import choice
from rm_trainer.sharing.attention import use_shared_prompts

from benchmarks.training.shape import random_model, random_sequences
from benchmarks.training.side import Task, answer
from lm.layers import recompute_activations
from lm.rendering import Rendered
from lm.snapshot.records import Ranking
from lm.training.runtime import Runtime
from rm_trainer.arguments import TrainArguments
from rm_trainer.batches import Group
from rm_trainer.optimization import accumulate_gradients, apply_gradients, make_optimizer

ARGUMENTS: dict[str, Any] = {"data": "", "base": "", "output": ""}


def main(given: dict[str, Any]) -> None:
    way = given.pop("way")
    task = Task(**given)
    model = random_model(small=task.small)
    if way == "ours":
        use_shared_prompts(fuse_norms(model))
    else:
        choice.SUPPORTED = frozenset()
    if task.checkpointing:
        recompute_activations(model)
    runtime = Runtime(device=torch.device("cpu"), dtype=getattr(torch, task.dtype), keeps_casts=not task.checkpointing)
    optimizer = make_optimizer(model, TrainArguments(**ARGUMENTS))
    prompts = prompts_a_pass(task, way)
    part = [ranking_group(random_sequences(model, task.k, task.prompt, task.completion))] * prompts
    # The first pass sets up buffers and kernels.
    accumulate_gradients(model, runtime, part, tokens=TrainArguments.tokens_per_microbatch)
    model.zero_grad(set_to_none=True)
    gradients, steps, losses = [], [], []
    for _ in range(task.steps):
        began = perf_counter()
        losses.append(accumulate_gradients(model, runtime, part, tokens=TrainArguments.tokens_per_microbatch).loss)
        gradients.append((perf_counter() - began) / prompts)
        began = perf_counter()
        apply_gradients(model, optimizer, learning_rate=9e-6, clip=1.0)
        steps.append(perf_counter() - began)
    answer(gradients, steps, losses[0])


def prompts_a_pass(task: Task, way: str) -> int:
    budget = TrainArguments.tokens_per_microbatch
    full = max(1, budget // task.full_tokens)
    return full if way == "full" else max(1, min(budget, full * task.full_tokens) // task.unique_tokens)


def ranking_group(sequences: list[torch.Tensor]) -> Group:
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
    return Group(ranking=ranking, rendered=Rendered(sequences=tuple(sequences), dropped=0))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
