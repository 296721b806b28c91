"""Packed layers multiply as the ones that they replace."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from sampler import packed_layers
from sampler.packed_layers import pack_layers
from tests.tiny_models import ARCHITECTURES, make_tiny_model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_packed_model_says_the_same(tmp_path: Path, architecture: str) -> None:
    make_tiny_model(tmp_path, architecture=architecture)
    models: list[Any] = [AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32) for _ in range(2)]
    plain, packed = (model.eval() for model in models)
    embedding = packed.get_input_embeddings().weight.clone()
    pack_layers(packed)
    assert not [name for name, module in packed.named_modules() if type(module) is nn.Linear]
    for shape in ((1, 1), (1, 9), (3, 40)):
        tokens = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            torch.testing.assert_close(packed(tokens).logits, plain(tokens).logits, atol=1e-5, rtol=1e-5)
    assert torch.equal(packed.get_input_embeddings().weight, embedding)


def test_where_the_processor_cannot_they_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("bf16 path needs the cpu support avx512bw")

    monkeypatch.setattr(packed_layers, "_packed", refusing)
    model: Any = AutoModelForCausalLM.from_pretrained(make_tiny_model(tmp_path))
    pack_layers(model)
    assert type(model.model.layers[0].self_attn.q_proj) is nn.Linear


@pytest.mark.parametrize("whole", [packed_layers._Packed, packed_layers._joined])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_of_one_input_are_asked_in_any_order_and_with_another_input(
    whole: Callable[..., nn.Module], bias: bool
) -> None:
    layers = [nn.Linear(8, size, bias=bias) for size in (3, 5)]
    together = packed_layers._Together(whole(layers), (3, 5))
    one, other = torch.randn(2, 8), torch.randn(2, 8)
    with torch.inference_mode():
        for index, hidden in ((1, one), (0, one), (1, other), (0, other), (1, other)):
            torch.testing.assert_close(together.part(index, hidden), layers[index](hidden))
    assert together._input is None  # nothing is held on to
