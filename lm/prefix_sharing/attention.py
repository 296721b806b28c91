"""Attention over one row of prompts with their completions (row.py): every token once and nowhere padding.

All of the network but attention takes tokens one by one, so the row is what it reads. Attention alone knows which
tokens see each other, by one of three kernels:

* `gathered`: the prefix attends to itself, then the K completions as a batch to [prefix, own tokens], so nothing is
  computed between completions, or prompts, that can't see each other. What is padded are their queries and keys only.
* `flex`: FlexAttention with a block mask; whole blocks of 128 × 128 tokens that can't see each other are skipped.
* `masked`: the model's own attention and a mask over the whole row, for models that call no other (GPT-J).

Of the first two the layer says how far back it looks (`sliding_window`), so they need no masks for each kind of layer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PretrainedConfig, PreTrainedModel
from transformers.integrations.flex_attention import compile_friendly_flex_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from lm.prefix_sharing.row import Row, Span

NAME = "shared_prompt"
"""By which models know this attention; without a row it is the library's `sdpa`."""
Kernel = Literal["gathered", "flex", "masked"]
MASK_BY_LAYER = frozenset({"gemma3_text", "qwen2"})
"""Backbones that look up each layer's mask by its kind. One mask for all would lift the window of sliding layers."""
HIDDEN = torch.finfo(torch.float32).min


@dataclass(frozen=True)
class RowAttention:
    """What every layer's attention gets of a row; block masks are made once for all layers with the same window."""

    row: Row
    kernel: Kernel
    block_masks: dict[int | None, BlockMask] = field(default_factory=dict)

    def block_mask(self, window: int | None) -> BlockMask:
        if window not in self.block_masks:
            self.block_masks[window] = block_mask(self.row, window)
        return self.block_masks[window]


def use_row_attention(model: PreTrainedModel) -> PreTrainedModel:
    """Gives a model whose attention is `sdpa` the one of this module; any other stays as it was chosen."""
    if model.config._attn_implementation == "sdpa":  # noqa: SLF001  the library has no public name for it
        model.set_attn_implementation(NAME)
    return model


def row_arguments(model: PreTrainedModel, row: Row, kernel: Kernel) -> dict[str, Any]:
    """Returns the two arguments of the backbone that tell its attention of the row."""
    if kernel == "masked":
        return {"attention_mask": attention_masks(model.config, row)}
    return {"attention_mask": _no_mask(model.config, row.input_ids.device), "row": RowAttention(row, kernel)}


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    row: RowAttention | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **rest: Any,
) -> tuple[Tensor, Tensor | None]:
    """Heads [1, H, T, D], of keys and values maybe fewer → [1, T, H, D]; the signature is the library's."""
    if row is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **rest)
    # Inside autocast rotation leaves float32, which the products would round one copy later.
    heads = (query.to(value.dtype), key.to(value.dtype), value)
    if row.kernel == "flex":
        return _flex(module, *heads, row.block_mask(sliding_window), scaling), None
    parts = [part for span in row.row.spans for part in _gathered(module, *heads, span, sliding_window, scaling)]
    return torch.cat(parts)[None], None


def _gathered(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, span: Span, window: int | None, scaling: float | None
) -> list[Tensor]:
    """Gathers the prefix [P, H, D], if there is one, and the completions [ΣC, H, D]."""
    count, width = len(span.lengths), max(span.lengths)
    place, real = _places(span, query.device)
    own_query, own_key, own_value = (_branches(heads, span, place) for heads in (query, key, value))  # [K, H, C, D]
    prefix = slice(span.start, span.fork)
    keys, values = (
        torch.cat([heads[:, :, prefix].expand(count, -1, -1, -1), own], dim=2)
        for heads, own in ((key, own_key), (value, own_value))
    )  # [K, H, P + C, D]
    mask = visible(width, span.prefix + width, window, query.device)
    seen = _grouped(own_query, keys, values, mask, scaling).transpose(1, 2).flatten(0, 1)  # [K · C, H, D]
    branches = seen if real is None else seen.index_select(0, real)
    if not span.prefix:
        return [branches]
    own_mask = visible(span.prefix, span.prefix, window, query.device) if window and span.prefix > window else None
    of_prefix, _ = sdpa_attention_forward(
        module, query[:, :, prefix], key[:, :, prefix], value[:, :, prefix], own_mask, scaling=scaling
    )
    return [of_prefix[0], branches]


def _grouped(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float | None) -> Tensor:
    """Query heads [B, H, C, D] that share one of fewer key heads stand in one column, so no key is copied for each."""
    batch, heads, length, size = query.shape
    column = query.reshape(batch, key.shape[1], -1, size)  # [B, key heads, H / key heads · C, D]
    rows = mask.repeat(1, 1, column.shape[2] // length, 1)
    out = scaled_dot_product_attention(column, key, value, attn_mask=rows, scale=scaling)
    return out.reshape(batch, heads, length, size)


def _places(span: Span, device: torch.device) -> tuple[Tensor | None, Tensor | None]:
    """Which token of the row stands where in [K · C], and which of those are tokens; nothing if all are equally long.

    Padding repeats a completion's last token: it comes after everything that may look at it.
    """
    lengths = torch.tensor(span.lengths, device=device)
    width = max(span.lengths)
    if min(span.lengths) == width:
        return None, None
    column = torch.arange(width, device=device)
    starts = span.fork + lengths.cumsum(0) - lengths
    place = starts[:, None] + torch.minimum(column[None, :], lengths[:, None] - 1)
    return place.flatten(), (column[None, :] < lengths[:, None]).flatten().nonzero().squeeze(1)


def _branches(heads: Tensor, span: Span, place: Tensor | None) -> Tensor:
    """[1, H, T, D] → [K, H, C, D]."""
    own = heads[0, :, span.fork : span.end] if place is None else heads[0].index_select(1, place)
    return own.reshape(len(own), len(span.lengths), -1, own.shape[-1]).transpose(0, 1)


def visible(queries: int, keys: int, window: int | None, device: torch.device) -> Tensor:
    """Boolean [1, 1, queries, keys]: the queries are the last of the keys, and none looks ahead or past its window."""
    back = torch.arange(keys - queries, keys, device=device)[:, None] - torch.arange(keys, device=device)[None, :]
    seen = back >= 0 if window is None else (back >= 0) & (back < window)
    return seen[None, None]


def block_mask(row: Row, window: int | None) -> BlockMask:
    """The rule of `allowed`, in blocks."""

    def seen(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        """The library's signature: indices in, a boolean out."""
        del batch, head
        return _sees(row, i, j, window)

    length = len(row.prompts)
    return create_block_mask(seen, B=None, H=None, Q_LEN=length, KV_LEN=length, device=str(row.prompts.device))


def allowed(row: Row, window: int | None = None) -> Tensor:
    """Boolean [T, T]: entry (i, j) lets token i look at token j.

    Same prompt, j in the prefix or in i's own completion, j not later than i and, with a sliding window, fewer than
    `window` positions back. Order and distance are those of the full sequences, not of the row, where other completions
    lie between a completion and its prefix.
    """
    places = torch.arange(len(row.prompts), device=row.prompts.device)
    return _sees(row, places[:, None], places[None, :], window)


def _sees(row: Row, i: Tensor, j: Tensor, window: int | None) -> Tensor:
    prompts, branches, positions = row.prompts, row.branches, row.positions[0]
    back = positions[i] - positions[j]
    common = (prompts[i] == prompts[j]) & ((branches[j] == 0) | (branches[j] == branches[i])) & (back >= 0)
    return common if window is None else common & (back < window)


def attention_masks(config: PretrainedConfig, row: Row) -> Tensor | dict[str, Tensor]:
    """What the backbone takes as `attention_mask`: [1, 1, T, T], or one by kind of layer where there are several.

    Floats to be added, 0 or the lowest value: eager attention in GPT-J adds even a boolean mask. Four dimensions: the
    library takes a mask of two for padding, casts it to bool and lets neighbours see each other.
    """
    if config.model_type not in MASK_BY_LAYER:
        return additive(allowed(row))
    return {
        kind: additive(allowed(row, config.sliding_window if kind == "sliding_attention" else None))
        for kind in sorted(set(config.layer_types))
    }


def additive(visible: Tensor) -> Tensor:
    """[T, T] boolean → [1, 1, T, T] float32."""
    return torch.zeros(visible.shape, device=visible.device).masked_fill(~visible, HIDDEN)[None, None]


def _no_mask(config: PretrainedConfig, device: torch.device) -> Tensor | dict[str, None]:
    """A mask of four dimensions is passed on unread; without any the library would make one from the positions."""
    if config.model_type in MASK_BY_LAYER:
        return dict.fromkeys(config.layer_types)
    return torch.empty((1, 1, 0, 0), device=device)


def _flex(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: BlockMask, scaling: float | None
) -> Tensor:
    """Compiled on a GPU, by the library's own wrapper; on a CPU as written, forward only, which is for tests."""
    given: dict[str, Any] = {"block_mask": mask, "scale": scaling, "enable_gqa": key.shape[1] != query.shape[1]}
    if query.is_cuda:
        # Rows shorter than 128 tokens have a kernel of their own, for which some heads find no tiling.
        given |= {"training": module.training, "kernel_options": {"FORCE_USE_FLEX_ATTENTION": True}}
    run: Callable[..., Tensor] = compile_friendly_flex_attention if query.is_cuda else flex_attention  # type: ignore[assignment]  # it returns more only when asked to
    return run(query, key, value, **given).transpose(1, 2).contiguous()


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)  # for whoever gives no row
