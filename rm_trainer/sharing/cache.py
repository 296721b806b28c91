"""The prompt's keys and values computed once, kept in the graph and repeated for its K completions.

Gradients flow back through the repetition, so one prompt pass collects what K completions ask of it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from lm.layers import is_sharded, recomputes_activations
from lm.rendering import Rendered
from rm_trainer.model import score_hidden
from rm_trainer.sharing.prefix import split


def scores(model: PreTrainedModel, rendered: Sequence[Rendered], device: torch.device) -> Tensor:
    """Unshifted rewards [ΣK] float32, in order. Every prompt must share at least one token.

    Raises RuntimeError under gradient checkpointing: the library then drops the cache without a word, and the
    completions would be scored without their prompt. And under FSDP: the prompt's gradient enters the last layer
    through the cache, past the hook on the layer's output that brings its weights back together.
    """
    if is_sharded(model):
        raise RuntimeError("The cache way does not go with FSDP. Score with the tree way.")
    if recomputes_activations(model):
        raise RuntimeError("The cache way does not go with gradient checkpointing. Score with the tree way.")
    trees = [split(one) for one in rendered]
    prompts, prompt_mask = pad([tree.prefix for tree in trees], side="left")  # [G, P]
    branches, branch_mask = pad([branch for tree in trees for branch in tree.branches], side="right")  # [S, C]
    repeats = torch.tensor([len(tree.branches) for tree in trees], device=device)  # [G], sums to S

    cache = DynamicCache(config=model.config)
    prompt_mask, branch_mask = prompt_mask.to(device), branch_mask.to(device)
    model.base_model(
        input_ids=prompts.to(device),
        attention_mask=prompt_mask,
        position_ids=positions(prompt_mask),
        past_key_values=cache,
        use_cache=True,
    )
    cache.batch_repeat_interleave(repeats)  # type: ignore[arg-type]  # a number per prompt, as torch takes it
    mask = torch.cat([prompt_mask.repeat_interleave(repeats, dim=0), branch_mask], dim=1)  # [S, P + C]
    hidden = model.base_model(
        input_ids=branches.to(device),
        attention_mask=mask,
        position_ids=positions(mask)[:, prompts.shape[1] :],
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state  # [S, C, d]
    last = branch_mask.sum(dim=1) - 1
    return score_hidden(model, hidden[torch.arange(len(hidden), device=device), last])


def pad(sequences: Sequence[Tensor], *, side: str) -> tuple[Tensor, Tensor]:
    """Token ids and mask, both [N, longest].

    Prompts are padded on the left, so that a sliding window, which counts cache slots back from a completion's token,
    finds the prompt's end there and not its padding.
    """
    input_ids = pad_sequence(list(sequences), batch_first=True, padding_side=side)
    mask = pad_sequence([torch.ones_like(one) for one in sequences], batch_first=True, padding_side=side)
    return input_ids, mask


def positions(mask: Tensor) -> Tensor:
    """Every token's place in its own sequence, whatever the padding before it: [N, T] → [N, T]."""
    return (mask.cumsum(dim=1) - 1).clamp(min=0)
