"""Attention over one row of trees: [prompt, c₁ … cₖ, prompt, c₁ …], every token once and nowhere padding.

All of the network but attention takes tokens one by one, so the row is what it reads. Attention alone knows the trees:

* `gathered`: the prompt attends to itself, then the K completions as a batch to [prompt, own tokens], so nothing is
  computed between completions, or prompts, that can't see each other. What is padded are their queries and keys only.
* `flex`: FlexAttention with a block mask; whole blocks of 128 × 128 tokens that can't see each other are skipped.

The layer says how far back it looks (`sliding_window`), so layers with and without a window need no masks of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.flex_attention import compile_friendly_flex_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from rm_trainer.sharing.prefix import Tree
from rm_trainer.sharing.rows import Rows

NAME = "shared_prompt"
"""By which models know this attention; without a row it is the library's `sdpa`."""
Kernel = Literal["gathered", "flex"]


@dataclass(frozen=True)
class Span:
    """Where a tree lies in the row: its prompt from `start` to `fork`, and its completions after one another."""

    start: int
    fork: int
    lengths: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.fork + sum(self.lengths)

    @property
    def prompt(self) -> int:
        return self.fork - self.start


@dataclass(frozen=True)
class Row:
    """What attention must know of a row; masks are made once and serve all layers with the same window."""

    spans: tuple[Span, ...]
    rows: Rows  # one row
    kernel: Kernel
    block_masks: dict[int | None, BlockMask] = field(default_factory=dict)

    def block_mask(self, window: int | None) -> BlockMask:
        if window not in self.block_masks:
            self.block_masks[window] = block_mask(self.rows, window)
        return self.block_masks[window]


def use_shared_prompts(model: PreTrainedModel) -> PreTrainedModel:
    """Gives a model whose attention is `sdpa` the one of this module; any other stays as it was chosen."""
    if model.config._attn_implementation == "sdpa":  # noqa: SLF001  the library has no public name for it
        model.set_attn_implementation(NAME)
    return model


def spans(trees: list[Tree]) -> tuple[Span, ...]:
    found: list[Span] = []
    for tree in trees:
        start = found[-1].end if found else 0
        found.append(Span(start, start + len(tree.prefix), tuple(len(branch) for branch in tree.branches)))
    return tuple(found)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    row: Row | None = None,
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
    parts = [part for span in row.spans for part in _gathered(module, *heads, span, sliding_window, scaling)]
    return torch.cat(parts)[None], None


def _gathered(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, span: Span, window: int | None, scaling: float | None
) -> list[Tensor]:
    """Of the prompt [P, H, D], if there is one, and of the completions [ΣC, H, D]."""
    count, width = len(span.lengths), max(span.lengths)
    place, real = _places(span, query.device)
    own_query, own_key, own_value = (_branches(heads, span, place) for heads in (query, key, value))  # [K, H, C, D]
    prompt = slice(span.start, span.fork)
    keys, values = (
        torch.cat([heads[:, :, prompt].expand(count, -1, -1, -1), own], dim=2)
        for heads, own in ((key, own_key), (value, own_value))
    )  # [K, H, P + C, D]
    mask = visible(width, span.prompt + width, window, query.device)
    seen = _grouped(own_query, keys, values, mask, scaling).transpose(1, 2).flatten(0, 1)  # [K · C, H, D]
    branches = seen if real is None else seen.index_select(0, real)
    if not span.prompt:
        return [branches]
    own_mask = visible(span.prompt, span.prompt, window, query.device) if window and span.prompt > window else None
    of_prompt, _ = sdpa_attention_forward(
        module, query[:, :, prompt], key[:, :, prompt], value[:, :, prompt], own_mask, scaling=scaling
    )
    return [of_prompt[0], branches]


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
    chosen = heads[0, :, span.fork : span.end] if place is None else heads[0].index_select(1, place)
    return chosen.reshape(len(chosen), len(span.lengths), -1, chosen.shape[-1]).transpose(0, 1)


def visible(queries: int, keys: int, window: int | None, device: torch.device) -> Tensor:
    """Boolean [1, 1, queries, keys]: the queries are the last of the keys, and none looks ahead or past its window."""
    back = torch.arange(keys - queries, keys, device=device)[:, None] - torch.arange(keys, device=device)[None, :]
    seen = back >= 0 if window is None else (back >= 0) & (back < window)
    return seen[None, None]


def block_mask(rows: Rows, window: int | None) -> BlockMask:
    """The same rule as rm_trainer/sharing/masks.py has it, for one row, in blocks."""
    trees, branches, positions = rows.trees[0], rows.branches[0], rows.positions[0]

    def seen(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        """The library's signature: indices in, a boolean out."""
        del batch, head
        back = positions[i] - positions[j]
        common = (trees[i] == trees[j]) & ((branches[j] == 0) | (branches[j] == branches[i])) & (back >= 0)
        return common if window is None else common & (back < window)

    length = len(trees)
    return create_block_mask(seen, B=None, H=None, Q_LEN=length, KV_LEN=length, device=str(trees.device))


def _flex(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: BlockMask, scaling: float | None
) -> Tensor:
    """Compiled on a GPU, by the library's own wrapper; on a CPU as written, forward only, which is for tests."""
    given: dict[str, Any] = {"block_mask": mask, "scale": scaling, "enable_gqa": key.shape[1] != query.shape[1]}
    if query.is_cuda:
        given["training"] = module.training
    run: Callable[..., Tensor] = compile_friendly_flex_attention if query.is_cuda else flex_attention  # type: ignore[assignment]  # it returns more only when asked to
    return run(query, key, value, **given).transpose(1, 2).contiguous()


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)  # for whoever gives no row
