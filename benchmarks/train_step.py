"""Gradients of one ranking of K completions, against a bare loop over all of its pairs.

    python -m benchmarks.train_step [--quick]

Ours: K sequences in one forward pass, one loss over all K(K−1)/2 pairs. The peer: what a trainer on separate pairs
computes, two sequences a pair, each pair's loss weighted alike. Same process, model, precision and tokens; both leave
the same loss. The limit reads each token once, the prompt and the completions by themselves, which is about what
sharing the prompt can reach. The optimizer's own step costs the same for all and is not in the figures. The model has
random weights and frozen embeddings; its shape is that of Gemma 3 270M, or with --quick one a thousand times smaller.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from time import perf_counter

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from benchmarks.harness import command
from benchmarks.harness.measure import Measure
from rm_trainer.batches import Group, collate
from rm_trainer.model import freeze, score_group
from rm_trainer.optimization import accumulate_gradients
from rm_trainer.precision import Runtime
from rm_trainer.records import Ranking
from rm_trainer.render import Rendered

PEER = "loop over all pairs, 2 sequences each"
SIZES = ((4, 128, 64), (9, 128, 64))
"""K, tokens of the prompt, tokens of a completion."""

GEMMA_3_270M = {
    "vocab_size": 262_144,
    "hidden_size": 640,
    "intermediate_size": 2048,
    "num_hidden_layers": 18,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 512,
}
SMALL = GEMMA_3_270M | {
    "vocab_size": 1000,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 4,
    "head_dim": 32,
    "query_pre_attn_scalar": 32,
}


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Seconds a ranking; the larger model takes a few minutes and 6 GiB."""
    model = _model(quick=quick)
    precisions = [torch.float32] if quick else [torch.float32, torch.bfloat16]
    return [
        _measure(model, Runtime(device=torch.device("cpu"), dtype=dtype), *size, repeats=5 if quick else 2)
        for dtype in precisions
        for size in SIZES
    ]


def _measure(
    model: PreTrainedModel, runtime: Runtime, k: int, prompt: int, completion: int, *, repeats: int
) -> Measure:
    group = _group(model, k, prompt, completion)
    accumulate_gradients(model, runtime, [group], tokens=1)  # the first pass sets up buffers and kernels
    ours, loss = _fastest(repeats, lambda: accumulate_gradients(model, runtime, [group], tokens=1).loss)
    theirs, their_loss = _fastest(1, lambda: _all_pairs(model, runtime, group.rendered.sequences))
    limit, _ = _fastest(repeats, lambda: _each_token_once(model, runtime, group.rendered.sequences, prompt))
    if abs(loss - their_loss) > 0.02:
        raise RuntimeError(f"The two ways disagree: {loss} and {their_loss}. The figures would compare different work.")
    precision = str(runtime.dtype).removeprefix("torch.")
    return Measure(
        name=f"gradients of one ranking, K={k}, {prompt}/{completion} tokens, {precision}",
        value=ours,
        unit="s",
        better="less",
        peer=PEER,
        peer_value=theirs,
        limit=limit,
    )


def _fastest(repeats: int, work: Callable[[], float]) -> tuple[float, float]:
    """Seconds of the fastest of `repeats` runs, and what the last one returned."""
    seconds = []
    for _ in range(repeats):
        began = perf_counter()
        result = work()
        seconds.append(perf_counter() - began)
    return min(seconds), result


def _all_pairs(model: PreTrainedModel, runtime: Runtime, sequences: Sequence[Tensor]) -> float:
    """One forward and one backward pass per pair; the earlier completion is the better one."""
    pairs = list(combinations(sequences, 2))
    total = 0.0
    for pair in pairs:
        scores = _scores(model, runtime, pair)
        loss = -logsigmoid(scores[0] - scores[1]) / len(pairs)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def _each_token_once(model: PreTrainedModel, runtime: Runtime, sequences: Sequence[Tensor], prompt: int) -> float:
    """Forward and backward over the prompt, then over the K completions as if they had none."""
    total = 0.0
    for part in ([sequences[0][:prompt]], [sequence[prompt:] for sequence in sequences]):
        loss = _scores(model, runtime, part).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def _scores(model: PreTrainedModel, runtime: Runtime, sequences: Sequence[Tensor]) -> Tensor:
    with runtime.autocast():
        return score_group(model, collate([Rendered(sequences=tuple(sequences), dropped=0)], runtime.device))


def _group(model: PreTrainedModel, k: int, prompt: int, completion: int) -> Group:
    random = torch.Generator().manual_seed(k)
    vocabulary = int(model.config.vocab_size)
    opening = torch.randint(vocabulary, (prompt,), generator=random, dtype=torch.int32)
    endings = torch.randint(vocabulary, (k, completion), generator=random, dtype=torch.int32)
    ranking = Ranking(
        ranking_id=1,
        prompt_id=1,
        prompt=(),
        completion_ids=tuple(range(k)),
        completions=("",) * k,
        ranks=tuple(range(1, k + 1)),
    )
    sequences = tuple(torch.cat([opening, ending]) for ending in endings)
    return Group(ranking=ranking, rendered=Rendered(sequences=sequences, dropped=0))


def _model(*, quick: bool) -> PreTrainedModel:
    """Random weights on top of frozen embeddings, float32 on the CPU."""
    torch.manual_seed(0)
    config = AutoConfig.for_model("gemma3_text", **(SMALL if quick else GEMMA_3_270M), num_labels=1, pad_token_id=0)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config).eval()  # type: ignore[no-untyped-call]
    freeze(model, embeddings=True, layers=0)
    return model


if __name__ == "__main__":
    command.run(main)
