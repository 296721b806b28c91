"""Dropout on the residual branches (InstructGPT C.1: 0.2 in SFT), for architectures that have none of their own, too.

It is drawn where a layer's attention and its multilayer perceptron are added to the residual stream. It is on only
inside `drawn`, in the training step of SFT: reward models, references, sampling and measuring never see it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.functional import dropout
from transformers import PreTrainedModel

from lm.errors import Refused
from lm.layers import transformer_layers

BRANCH_ENDS = {
    "gemma3_text": ("post_attention_layernorm", "post_feedforward_layernorm"),
    "gpt2": ("attn.resid_dropout", "mlp.dropout"),
    "gpt_neox": ("post_attention_dropout", "post_mlp_dropout"),
    "gptj": ("attn.resid_dropout", "mlp.dropout"),
    "llama": ("self_attn", "mlp"),
    "qwen2": ("self_attn", "mlp"),
}
"""By architecture, the module in each layer whose output is added to the residual stream."""


class ResidualDropout:
    """Of one model. With a share of 0 nothing is changed. Raises Refused for an architecture that isn't known."""

    def __init__(self, model: PreTrainedModel, share: float) -> None:
        self._share = share
        self._on = False
        if not share:
            return
        ends = BRANCH_ENDS.get(model.config.model_type)
        if ends is None:
            raise Refused(
                f"Where the residual branches of {model.config.model_type} end isn't known here, so "
                f"--residual-dropout {share} can't be done. Give --residual-dropout 0."
            )
        for layer in transformer_layers(model):
            for end in ends:
                layer.get_submodule(end).register_forward_hook(self._drop)

    @contextmanager
    def drawn(self, *seed: int) -> Iterator[None]:
        """Inside it some of the branches drop out; which, the seed alone decides."""
        if not self._share:
            yield
            return
        devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(hash(seed) % 2**63)
            self._on = True
            try:
                yield
            finally:
                self._on = False

    def _drop(self, _module: nn.Module, _given: Any, output: Any) -> Any:
        if not self._on:
            return output
        if isinstance(output, tuple):
            return (dropout(output[0], self._share), *output[1:])
        return dropout(output, self._share)
