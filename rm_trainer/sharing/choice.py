"""Which way reads the prompts, and why: the one door through which every command gets its rewards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.layers import is_sharded, recomputes_activations
from lm.rendering import Rendered
from lm.training.runtime import Runtime
from rm_trainer.sharing import attention, cache, full, packed, tree
from rm_trainer.sharing.prefix import split
from rm_trainer.sharing.rows import lay_out

Scores = Callable[[PreTrainedModel, Sequence[Rendered], torch.device], Tensor]
WAYS: dict[str, Scores] = {
    "full": full.scores,
    "tree": tree.scores,
    "cache": cache.scores,
    "packed": packed.scores,
    "flex": packed.flex_scores,
}

SUPPORTED = frozenset({"gemma3_text", "gpt_neox", "gptj", "llama", "qwen2"})
"""Architectures for which a test shows that scores and gradients equal those of K full sequences."""
TAKES_A_MASK = frozenset({"eager", "sdpa", attention.NAME})
"""Attention implementations that add a mask of four dimensions; flash attention ignores it."""


@dataclass(frozen=True)
class Choice:
    """A way by its name in WAYS; `fallback` says for people why the prompt can't be read once, if it can't."""

    way: str
    fallback: str | None = None


def choose(model: PreTrainedModel, device: torch.device, *, checkpointing: bool) -> Choice:
    """The fastest way that is known to be right for the model.

    * `packed`, or `flex` on an NVIDIA GPU, wherever the model calls the attention of attention.py. FlexAttention's
      backward pass does not run on a CPU; on a GPU neither was timed.
    * A model with eager attention only (GPT-J): `cache`, which computes nothing between the completions. It loses its
      prompt under gradient checkpointing, and its last layer's weights under FSDP; there
      `tree` takes over, as on a GPU, where it needs fewer launches.
    """
    config = model.config
    if config.model_type not in SUPPORTED:
        return Choice("full", f"{config.model_type} isn't among the architectures known to score equally with it")
    if getattr(config, "use_bidirectional_attention", False):
        return Choice("full", "the model attends to later tokens, too, so a prompt isn't the same before K completions")
    if config._attn_implementation not in TAKES_A_MASK:  # noqa: SLF001  the library has no public name for it
        return Choice("full", f"{config._attn_implementation} attention takes no mask of its own")  # noqa: SLF001
    if config._attn_implementation == attention.NAME:  # noqa: SLF001
        return Choice("flex" if device.type == "cuda" else "packed")
    return Choice("cache" if device.type == "cpu" and not checkpointing and not is_sharded(model) else "tree")


def score(model: PreTrainedModel, runtime: Runtime, rendered: Sequence[Rendered]) -> Tensor:
    """Unshifted rewards [ΣK], float32, of all completions of some prompts, in order."""
    with runtime.autocast():
        return WAYS[way_for(model, runtime, rendered)](model, rendered, runtime.device)


def way_for(model: PreTrainedModel, runtime: Runtime, rendered: Sequence[Rendered]) -> str:
    """The chosen way; but a prompt of which no token is common leaves nothing to cache."""
    way = choose(model, runtime.device, checkpointing=recomputes_activations(model)).way
    return "tree" if way == "cache" and not all(len(split(one).prefix) for one in rendered) else way


def computed_tokens(way: str, rendered: Sequence[Rendered]) -> int:
    """How many tokens the layers compute for some prompts together, padding included."""
    trees = [split(one) for one in rendered]
    branches = [len(branch) for tree in trees for branch in tree.branches]
    if way == "full":
        return len(branches) * max(len(sequence) for one in rendered for sequence in one.sequences)
    if way == "tree":
        return lay_out(trees).input_ids.numel()
    if way == "cache":
        return len(trees) * max(len(tree.prefix) for tree in trees) + len(branches) * max(branches)
    return sum(tree.tokens for tree in trees)
