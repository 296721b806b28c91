"""Attention of the engine: a prompt is read once, and all who continue it look back at the same keys.

The whole network but attention takes tokens one by one, so the tokens of a pass stand in one row, whoever they belong
to: `Reading` has the next tokens of one prompt, `Writing` the last token of every live row. The model finds the pass in
its layers (`use_engine_attention`), since not every architecture hands arguments down to attention.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.models.gptj.modeling_gptj import GPTJAttention

from lm.errors import UnusableModel
from lm.prefix_sharing.attention import visible
from sampler.shared_keys import OwnKeys, PromptKeys

NAME = "engine"
"""By which models know this attention; outside of a pass it is the library's `sdpa`."""


class Pass(Protocol):
    """One forward pass's view of attention."""

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int | None
    ) -> Tensor:
        """Heads [1, H, T, D], of keys and values maybe fewer → [T, H, D]."""
        ...


@dataclass(frozen=True)
class Reading:
    """The next tokens of one prompt, which see each other and what was read before."""

    prompt: PromptKeys

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int | None
    ) -> Tensor:
        new = query.shape[2]
        keys, values = self.prompt.append(layer, key[0], value[0])
        behind = keys.shape[1]
        first = max(0, behind - new + 1 - window) if window else 0  # what no new token looks back at
        keys, values = keys[None, :, first:], values[None, :, first:]
        alone = behind == new and (window is None or behind <= window)
        mask = None if alone else visible(new, behind - first, window, query.device)
        out = scaled_dot_product_attention(
            query,
            keys,
            values,
            attn_mask=mask,
            is_causal=alone,
            scale=scale,
            enable_gqa=query.shape[1] != keys.shape[1],
        )
        return out[0].transpose(0, 1)


@dataclass(frozen=True)
class Group:
    """The live rows that continue one prompt."""

    prompt: PromptKeys
    rows: Tensor
    """int64 [k]: where they stand among the live rows."""


class Writing:
    """One token of every live row: it sees its prompt, and what its row has written, itself included."""

    def __init__(self, groups: Sequence[Group], own: OwnKeys, written: Tensor, *, longest: int) -> None:
        """`written` int64 [rows]: how many tokens of each row stand in `own` before this pass, fewer than `longest`."""
        self.groups = groups
        self.own = own
        self.written = written
        self.longest = longest
        places = torch.arange(longest, device=written.device)
        self.hidden = places[None, :] > written[:, None]  # [rows, longest]: nothing of this row stands there yet

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int | None
    ) -> Tensor:
        rows, key_heads = query.shape[2], key.shape[1]
        self.own.put(layer, self.written, key[0].transpose(0, 1), value[0].transpose(0, 1))
        # Query heads that share a key head stand in one column, so that no key is copied for each.
        queries = query[0].transpose(0, 1).reshape(rows, key_heads, -1, query.shape[3])  # [rows, Hk, H / Hk, D]
        own = slice(0, rows), slice(None), slice(0, self.longest)
        hidden = self.hidden if window is None else self.hidden | self._own_out_of(window)
        written = _weighed(
            queries, self.own.keys[layer][own], self.own.values[layer][own], scale, hidden[:, None, None]
        )
        read = _Weighed(*(torch.zeros_like(part) for part in written))  # of rows without a prompt: nothing
        for group in self.groups:
            seen = self._of_prompt(group, layer, queries, scale, window)
            for part, of_group in zip(read, seen, strict=True):
                part[group.rows] = of_group
        return _together(read, written).to(value.dtype).reshape(rows, -1, query.shape[3])

    def _of_prompt(self, group: Group, layer: int, queries: Tensor, scale: float, window: int | None) -> "_Weighed":
        """What the group's rows see of their prompt: its keys are one matrix for all of them."""
        keys, values = group.prompt.keys[layer], group.prompt.values[layer]  # [Hk, P, D]
        asked = queries[group.rows]  # [k, Hk, G, D]
        count, key_heads, columns, size = asked.shape
        # [k, P]: how far back each row's token looks
        hidden = None
        if window is not None and len(group.prompt) + self.longest > window:
            back = self._back(group.rows, len(group.prompt))
            hidden = (back >= window)[None, :, None, :].expand(1, count, columns, -1).reshape(1, count * columns, -1)
        column = asked.transpose(0, 1).reshape(key_heads, count * columns, size)
        weighed = _weighed(column, keys, values, scale, hidden)
        return _Weighed(*(part.reshape(key_heads, count, columns, -1).transpose(0, 1) for part in weighed))

    def _back(self, rows: Tensor, length: int) -> Tensor:
        places = torch.arange(length, device=rows.device)
        return length + self.written[rows][:, None] - places[None, :]

    def _own_out_of(self, window: int) -> Tensor:
        places = torch.arange(self.longest, device=self.written.device)
        return self.written[:, None] - places[None, :] >= window


class _Weighed(NamedTuple):
    """Part of a softmax over values, such that two parts can be put together. Float32."""

    values: Tensor
    """[…, D]: summed by e^(score − highest)."""
    weights: Tensor
    """[…, 1]: the sum of e^(score − highest)."""
    highest: Tensor
    """[…, 1]."""


def _weighed(query: Tensor, keys: Tensor, values: Tensor, scale: float, hidden: Tensor | None) -> _Weighed:
    """[…, queries, D] over […, keys, D]; `hidden` is true where a query may not look."""
    scores = torch.matmul(query, keys.transpose(-1, -2)).float() * scale
    if hidden is not None:
        scores = scores.masked_fill(hidden, -math.inf)
    highest = scores.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).min)  # of nothing seen: finite
    weights = (scores - highest).exp_()
    return _Weighed(torch.matmul(weights.to(values.dtype), values).float(), weights.sum(dim=-1, keepdim=True), highest)


def _together(one: _Weighed, other: _Weighed) -> Tensor:
    """The softmax over both parts, applied to their values."""
    highest = torch.maximum(one.highest, other.highest)
    first, second = (one.highest - highest).exp(), (other.highest - highest).exp()
    return (one.values * first + other.values * second) / (one.weights * first + other.weights * second)


class EngineAttention:
    """What a model's attention layers look up: the pass that is under way."""

    current: Pass | None = None


def use_engine_attention(model: PreTrainedModel) -> EngineAttention:
    """Gives the model this module's attention; while no pass is under way it attends as the library's own.

    Raises UnusableModel where not all of its layers attend in a way that is known here.
    """
    layers = [module for module in model.modules() if isinstance(getattr(module, "layer_idx", None), int)]
    attentions = [module for module in layers if hasattr(module, "q_proj") or hasattr(module, "query_key_value")]
    if len(attentions) != model.config.num_hidden_layers:
        raise UnusableModel(
            f"{type(model).__name__} has {model.config.num_hidden_layers} layers; {len(attentions)} of them attend in "
            "a way that the engine knows; it samples from models of which all do."
        )
    shared: EngineAttention = getattr(attentions[0], "engine_attention", None) or EngineAttention()
    for module in attentions:
        object.__setattr__(module, "engine_attention", shared)  # no submodule, no buffer
        if isinstance(module, GPTJAttention):  # which asks no interface
            module._attn = MethodType(_gptj_attend, module)  # type: ignore[method-assign]  # noqa: SLF001
    if not isinstance(attentions[0], GPTJAttention):
        model.set_attn_implementation(NAME)
    return shared


def no_mask(device: torch.device) -> Tensor:
    """A mask of four dimensions is passed on unread; without any the library would make one from the positions."""
    return torch.empty((1, 1, 0, 0), device=device)


def _interface(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **rest: Any,
) -> tuple[Tensor, Tensor | None]:
    """The signature is the library's; [1, H, T, D] → [1, T, H, D]."""
    shared: Any = module.engine_attention
    if shared.current is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **rest)
    if softcap is not None:
        raise UnusableModel("The model caps attention's scores, which the engine does not do.")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    layer: Any = module.layer_idx
    return shared.current.attend(layer, query, key, value, scale=scale, window=sliding_window)[None], None


def _gptj_attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """GPT-J's scores can be larger than float16 holds; what it returns has its heads in front."""
    if module.engine_attention.current is None:
        return GPTJAttention._attn(module, query, key, value, attention_mask)  # type: ignore[no-untyped-call, no-any-return]  # noqa: SLF001
    if query.dtype is torch.float16:
        query, key = query.float(), key.float()
    out = module.engine_attention.current.attend(
        module.layer_idx, query, key, value, scale=1.0 / module.scale_attn, window=None
    )
    return out[None].transpose(1, 2), None


AttentionInterface.register(NAME, _interface)
AttentionMaskInterface.register(NAME, sdpa_mask)  # for passes of the library's own
