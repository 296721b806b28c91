"""What transformers would load with made-up weights, or by running a checkpoint's code, is refused by every program."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lm.errors import Refused, UnusableModel
from lm.pretrained import load_tokenizer
from rm_trainer.model import load_base_model, load_reward_model
from sampler.transformers_sampler import TransformersSampler
from tests.tiny_models import make_tiny_model, make_tiny_reward_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "model")


def change_config(model: Path, **changes: object) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | changes))


def sampled(model: Path) -> str:
    with pytest.raises(UnusableModel) as refused:
        TransformersSampler.load(model, device="cpu")
    return str(refused.value)


def trained(model: Path) -> str:
    with pytest.raises(Refused) as refused:
        load_base_model(str(model), max_length=128, seed=0)
    return str(refused.value)


def test_weights_that_only_the_network_knows_of_are_missed_when_it_is_loaded(tmp_path: Path) -> None:
    """The headers say nothing of a lone norm, or of a shape; transformers would draw both at random."""
    model = make_tiny_model(tmp_path, architecture="qwen2")
    whole = load_file(model / "model.safetensors")
    save_file({name: one for name, one in whole.items() if name != "model.norm.weight"}, model / "model.safetensors")
    assert "lack model.norm.weight" in sampled(model)
    assert "lack model.norm.weight" in trained(model)
    save_file(whole | {"model.norm.weight": whole["model.norm.weight"][:8].clone()}, model / "model.safetensors")
    assert "model.norm.weight" in sampled(model)
    assert "model.norm.weight" in trained(model)


def test_no_code_of_a_checkpoint_is_run_and_nobody_is_asked(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal transformers asks, and `y` runs it."""
    ran = model / "ran"
    (model / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    change_config(
        model,
        model_type="own",
        auto_map={
            "AutoConfig": "modeling_own.OwnConfig",
            "AutoModelForCausalLM": "modeling_own.OwnModel",
            "AutoModelForSequenceClassification": "modeling_own.OwnModel",
        },
    )
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    for words in (sampled(model), trained(model)):
        assert "running code that lies in it, which Concord never does" in words
    assert not ran.exists()


def test_quantised_weights_that_nothing_here_can_read_are_refused_in_words(model: Path) -> None:
    change_config(model, quantization_config={"quant_method": "gptq", "bits": 4})
    assert "can't be loaded as a model" in sampled(model)
    assert "are quantised (gptq)" in trained(model)


def test_a_broken_tokenizer_is_refused_in_words(model: Path) -> None:
    (model / "tokenizer.json").write_text('{"model": {"type": "None of them"}}')
    with pytest.raises(UnusableModel, match="can't be loaded as a tokenizer"):
        load_tokenizer(str(model))


def test_a_reward_model_without_a_head_is_refused(tmp_path: Path) -> None:
    model = make_tiny_reward_model(tmp_path)
    load_reward_model(str(model), max_length=None)
    whole = load_file(model / "model.safetensors")
    save_file({name: one for name, one in whole.items() if name != "score.weight"}, model / "model.safetensors")
    with pytest.raises(Refused, match=r"lack score\.weight"):
        load_reward_model(str(model), max_length=None)
