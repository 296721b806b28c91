"""Attention of the engine: a prompt is read once, and all who continue it look back at the same keys.

The whole network but attention takes tokens one by one, so the tokens of a pass stand in one row, whoever they belong
to: `Reading` has the next tokens of some prompts, `Writing` the last token of every live row. The model finds the pass
in its layers (`use_engine_attention`), since not every architecture hands arguments down to attention.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.models.gptj.modeling_gptj import GPTJAttention

from lm.errors import UnusableModel
from lm.prefix_sharing.attention import visible
from sampler.shared_keys import OwnKeys, PromptKeys, one_block

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
    """The next tokens of prompts, one prompt's behind another's, which see each other and what was read before of
    their own prompt."""

    prompts: Sequence[PromptKeys]
    counts: Sequence[int]
    """How many tokens of each."""

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int | None
    ) -> Tensor:
        apart = (torch.split(each, list(self.counts), dim=2) for each in (query, key, value))
        return torch.cat(
            [
                self._attend_to(prompt, layer, *own, scale=scale, window=window)
                for prompt, *own in zip(self.prompts, *apart, strict=True)
            ]
        )

    def _attend_to(
        self,
        prompt: PromptKeys,
        layer: int,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        scale: float,
        window: int | None,
    ) -> Tensor:
        new = query.shape[2]
        keys, values = prompt.append(layer, key[0], value[0])
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
    """Live rows that look back at their prompts in one product: all who continue one prompt, or several prompts' as
    many of each."""

    rows: Tensor
    """int64 [n]: where they stand among the live rows, in the prompts' order. One may stand there twice."""
    lengths: Tensor
    """int64 [prompts]: tokens of each."""
    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    """By layer: [prompts, key heads, room, size], each prompt's at the end."""
    is_all: bool = False
    """Whether they are all live rows, in order."""
    are_equal: bool = False
    """Whether all prompts fill their room, and always will."""

    @classmethod
    def of(
        cls, prompts: Sequence[PromptKeys], rows: Sequence[int], *, live: int, device: torch.device, step: int = 1
    ) -> Self:
        """`rows`: as many of each prompt; `live`: how many there are; `step`: of the room for a prompt's tokens."""
        lengths = [len(prompt) for prompt in prompts]
        room = -(-max(lengths) // step) * step
        if lengths == [room]:
            keys, values = ([each[None] for each in by_layer] for by_layer in (prompts[0].keys, prompts[0].values))
        else:
            keys, values = one_block(prompts, room=room)
        return cls(
            torch.tensor(rows, device=device),
            torch.tensor(lengths, device=device),
            keys,
            values,
            is_all=list(rows) == list(range(live)),
            are_equal=min(lengths) == room,
        )

    def own(self, every: Tensor) -> Tensor:
        """Of a tensor [rows, …] the group's: [n, …]."""
        return every if self.is_all else every[self.rows]

    def hidden(self, written: Tensor, window: int | None, *, longest: int) -> Tensor | None:
        """Bool [prompts, 1, rows of each, 1, tokens]: what is no token of the prompt, and what lies behind the window
        of a row that has `written` [rows], fewer than `longest`, of its own. None: nothing."""
        prompts, _, most, _ = self.keys[0].shape
        if self.are_equal and (window is None or most + longest <= window):
            return None
        places = torch.arange(-most, 0, device=written.device)
        hidden = (places < -self.lengths[:, None, None]).expand(-1, len(self.rows) // prompts, -1)
        if window is not None:
            back = self.own(written)[:, None] - places  # [n, tokens]
            hidden = hidden | (back >= window).view(hidden.shape)
        return hidden[:, None, :, None]


class Writing:
    """One token of every live row: it sees its prompt, and what its row has written, itself included."""

    def __init__(self, groups: Sequence[Group], own: OwnKeys, written: Tensor, *, longest: int) -> None:
        """`written` int64 [rows]: how many tokens of each row stand in `own` before this pass, fewer than `longest`."""
        self.groups = groups
        self.own = own
        self.written = written
        self.longest = longest
        self._rows = torch.arange(len(written), device=written.device)
        places = torch.arange(longest, device=written.device)
        self._back = written[:, None] - places[None, :]  # [rows, longest]: how far each of a row's own tokens is behind
        self._hidden: dict[int | None, Tensor] = {}
        self._hidden_prompts: dict[tuple[int, int | None], Tensor | None] = {}

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int | None
    ) -> Tensor:
        rows, key_heads = query.shape[2], key.shape[1]
        self.own.put(layer, self._rows, self.written, key[0].transpose(0, 1), value[0].transpose(0, 1))
        # Query heads that share a key head stand in one column, so that no key is copied for each.
        queries = query[0].transpose(0, 1).reshape(rows, key_heads, -1, query.shape[3])  # [rows, Hk, H / Hk, D]
        own = slice(0, rows), slice(None), slice(0, self.longest)
        scores = _product(queries, self.own.keys[layer][own].transpose(-1, -2)) * scale  # [rows, Hk, H / Hk, longest]
        scores.masked_fill_(self._hidden_own(window), -math.inf)
        weights, read = self._of_prompts(layer, queries, scores, scale, window)
        written = _product(weights, self.own.values[layer][own])
        return (read + written).to(value.dtype).reshape(rows, -1, query.shape[3])

    def _of_prompts(
        self, layer: int, queries: Tensor, scores: Tensor, scale: float, window: int | None
    ) -> tuple[Tensor, Tensor]:
        """As `_weighed`, of all rows."""
        if len(self.groups) == 1 and self.groups[0].is_all:
            return self._weighed(self.groups[0], layer, queries, scores, scale, window)
        weights, read = torch.zeros_like(scores), torch.zeros_like(queries)  # of rows without a prompt: nothing
        for group in self.groups:
            of_own, of_prompt = self._weighed(group, layer, queries, scores, scale, window)
            weights[group.rows], read[group.rows] = of_own, of_prompt
        return weights, read

    def _weighed(
        self, group: Group, layer: int, queries: Tensor, scores: Tensor, scale: float, window: int | None
    ) -> tuple[Tensor, Tensor]:
        """The softmax over what the group's rows see of their prompts, whose keys are one matrix for all who continue
        them, and of their own: the weights of their own [n, Hk, G, longest], and the prompts' values by their weights
        [n, Hk, G, D].
        """
        keys, values = group.keys[layer], group.values[layer]  # [B, Hk, P, D]
        asked, own = group.own(queries), group.own(scores)
        prompts, key_heads, length, _ = keys.shape
        columns = asked.shape[2]

        def column(of_rows: Tensor) -> Tensor:  # [n, Hk, G, N] → [B, Hk, n / B · G, N]
            by_prompt = of_rows.reshape(prompts, -1, key_heads, columns, of_rows.shape[3])
            return by_prompt.transpose(1, 2).reshape(prompts, key_heads, -1, of_rows.shape[3])

        def by_row(of_column: Tensor) -> Tensor:
            by_prompt = of_column.reshape(prompts, key_heads, -1, columns, of_column.shape[3])
            return by_prompt.transpose(1, 2).reshape(-1, key_heads, columns, of_column.shape[3])

        # The larger matrix first: a processor takes half as long.
        read = torch.matmul(keys, column(asked).transpose(-1, -2)).transpose(-1, -2).float() * scale
        hidden = self._hidden_of(group, window)
        if hidden is not None:
            read.view(prompts, key_heads, -1, columns, length).masked_fill_(hidden, -math.inf)
        weights = torch.cat([read, column(own)], dim=-1).softmax(dim=-1)
        of_prompt, of_own = weights[..., :length], weights[..., length:]
        return by_row(of_own), by_row(torch.matmul(of_prompt.to(values.dtype), values))

    def _hidden_of(self, group: Group, window: int | None) -> Tensor | None:
        """Once a pass."""
        name = id(group), window
        if name not in self._hidden_prompts:
            self._hidden_prompts[name] = group.hidden(self.written, window, longest=self.longest)
        return self._hidden_prompts[name]

    def _hidden_own(self, window: int | None) -> Tensor:
        """[rows, 1, 1, longest]: where a row has nothing yet, and what lies behind the window. Once a pass."""
        if window not in self._hidden:
            hidden = self._back < 0 if window is None else (self._back < 0) | (self._back >= window)
            self._hidden[window] = hidden[:, None, None]
        return self._hidden[window]


def _product(one: Tensor, other: Tensor) -> Tensor:
    """Float32, of many small matrices, which a processor multiplies in float32 several times as fast as in bfloat16."""
    if one.device.type == "cpu":
        return torch.matmul(one.float(), other.float())
    return torch.matmul(one.to(other.dtype), other).float()


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
