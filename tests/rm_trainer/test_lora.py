"""Adapters instead of all weights: what trains, what is written, and that every strategy of sharing sees them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Name, Strategy
from lm.prompt_format import Message
from lm.training.lora import add_adapters, merge_adapters
from rm_trainer.model import load_base_model, score_hidden
from tests.lm.snapshots import demonstration, write_snapshot
from tests.rm_trainer.commands import read_json, train
from tests.rm_trainer.conftest import zebra_rankings
from tests.tiny_models import ARCHITECTURES, make_tiny_model

OPTIONS = ("--lora-rank", "4", "--epochs", "4")


def adapted(directory: Path) -> tuple[PreTrainedModel, SharedPrompt]:
    """A model whose adapters do something: fresh ones add nothing."""
    model, renderer = load_base_model(str(directory), max_length=512, seed=0)
    add_adapters(model, rank=4, alpha=8, seed=0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    return model, renderer.render(
        [Message(role="user", content="Name an animal.")], ["a zebra", "a zebra and a cow", "no"]
    )


def scores_of(model: PreTrainedModel, name: Name, prompt: SharedPrompt) -> torch.Tensor:
    return score_hidden(model, Strategy(name).last_hidden_states(model, [prompt]))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_only_adapters_and_head_train_and_every_strategy_sees_them(tmp_path: Path, architecture: str) -> None:
    directory = make_tiny_model(tmp_path, architecture=architecture)
    model, prompt = adapted(directory)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name or name == "score.weight" for name in trained)
    assert "score.weight" in trained
    assert len(trained) > 2 * 2 * 4

    plain, _ = load_base_model(str(directory), max_length=512, seed=0)
    with torch.no_grad():
        unadapted = scores_of(plain, "full", prompt)
        full = scores_of(model, "full", prompt)
        shared = scores_of(model, "masked" if architecture == "gptj" else "packed", prompt)
        merge_adapters(model)
        merged = scores_of(model, "full", prompt)
    assert (full - unadapted).abs().max() > 1e-3
    for other in (shared, merged):
        assert_close(other, full, rtol=1e-5, atol=1e-5)


def test_in_bfloat16_no_copy_of_what_goes_in_is_made_in_float32(tiny_base: Path) -> None:
    """The layers' products are bfloat16 all the same."""
    model, _ = adapted(tiny_base)
    layer = model.get_submodule("model.layers.0.mlp.down_proj")
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    hidden = torch.randn(7, 64, dtype=torch.bfloat16, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", torch.bfloat16):
        out = layer(hidden)
    assert out.dtype is torch.bfloat16
    inputs = [tensor for tensor in kept if tensor.shape == hidden.shape]
    assert inputs
    assert {tensor.data_ptr() for tensor in inputs} == {hidden.data_ptr()}


def test_what_is_written_is_an_ordinary_model_with_the_base_s_own_names(tmp_path: Path, tiny_base: Path) -> None:
    data = write_snapshot(
        tmp_path / "data",
        rankings={"train": zebra_rankings(range(1, 17)), "valid": zebra_rankings(range(101, 105))},
        demonstrations={"train": [demonstration(1, "a zebra"), demonstration(2, "a cow")]},
    )
    assert train(data, tiny_base, tmp_path / "out", *OPTIONS, "--dtype", "bfloat16") == 0
    written, base = load_file(tmp_path / "out" / "model.safetensors"), load_file(tiny_base / "model.safetensors")
    assert written.keys() - {"score.weight"} == base.keys() - {"lm_head.weight"}
    moved = {name for name in written.keys() & base.keys() if not torch.equal(written[name], base[name])}
    assert moved == {name for name in written if "_proj" in name}
    assert not list((tmp_path / "out").glob("adapter*"))
    _, info = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["train"]["last_loss"] < metrics["train"]["first_loss"]
    assert abs(metrics["demonstrations"]["mean_reward"]) < 1e-3


def test_freezing_layers_beside_adapters_is_refused(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": zebra_rankings(range(1, 3))})
    assert train(data, tiny_base, tmp_path / "out", "--lora-rank", "4", "--freeze-layers", "1") == 2
    assert "--freeze-layers 1 contradicts it. Leave one of the two out." in capsys.readouterr().err
