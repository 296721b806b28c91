"""Norms in one step: the library's values, gradients and names of weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lm import fused_rms_norm
from lm.fused_rms_norm import FUSED, fix_rms_norms, fuse_rms_norms
from rm_trainer.model import load_base_model
from tests.lm.shared_prompts import base_model


def outcome(norm: nn.Module, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What comes out, and the gradients of what goes in and of the weight."""
    hidden = hidden.clone().requires_grad_()
    norm.zero_grad()
    out = norm(hidden)
    (out.float() * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
    assert hidden.grad is not None
    weight = next(norm.parameters())
    assert weight.grad is not None
    return out.detach(), hidden.grad, weight.grad.clone()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", FUSED, ids=lambda kind: kind.__name__)
def test_values_and_gradients_are_the_librarys(kind: type[nn.Module], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    stock, fused = kind(24), nn.ModuleList([kind(24)])
    weight = torch.randn(24)
    for norm in (stock, fused[0]):
        next(norm.parameters()).data.copy_(weight)
    fuse_rms_norms(fused)  # type: ignore[arg-type]  # any module with norms inside
    hidden = torch.randn(3, 5, 24, dtype=dtype) * 3
    tolerance = 1e-5 if dtype is torch.float32 else 2e-2
    for expected, found in zip(outcome(stock, hidden), outcome(fused[0], hidden), strict=True):
        assert found.dtype is expected.dtype
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", FUSED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("way", [None, fused_rms_norm._in_one_kernel], ids=["processor", "GPU"])
def test_of_weights_that_stay_as_they_are_the_values_are_the_librarys(
    kind: type[nn.Module], dtype: torch.dtype, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's way can be computed anywhere."""
    if way is not None:
        monkeypatch.setattr(fused_rms_norm, "_fixed", way)
    torch.manual_seed(0)
    stock, fixed = kind(24).to(dtype), kind(24).to(dtype)
    weight = torch.randn(24)
    for norm in (stock, fixed):
        next(norm.parameters()).data.copy_(weight)
    fix_rms_norms(fixed)
    hidden = torch.randn(3, 5, 24, dtype=dtype) * 3
    before = hidden.clone()
    tolerance = 1e-5 if dtype is torch.float32 else 2e-2
    torch.testing.assert_close(fixed(hidden), stock(hidden), atol=tolerance, rtol=tolerance)
    assert torch.equal(hidden, before)


@pytest.mark.parametrize(("architecture", "norms"), [("llama", 5), ("qwen2", 5), ("gemma3", 13)])
def test_a_loaded_model_has_them_all_and_scores_as_plain_transformers_do(
    tmp_path: Path, architecture: str, norms: int
) -> None:
    """Two layers with 2 norms each, in Gemma with 6, and the last one."""
    base_model(tmp_path / "base", architecture).save_pretrained(tmp_path / "model")
    for file in (tmp_path / "base").glob("tokenizer*"):
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    ours, _ = load_base_model(str(tmp_path / "model"), max_length=512, seed=0)
    plain: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    assert sum("forward" in vars(module) for module in ours.modules()) == norms
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        torch.testing.assert_close(ours(input_ids=ids).logits, plain(input_ids=ids).logits, atol=1e-5, rtol=1e-5)
