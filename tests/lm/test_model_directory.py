"""Every way in which a directory is not a model is told in plain words, and none of them needs torch."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lm.errors import UnusableModel
from lm.model_directory import (
    check_language_model,
    check_model_directory,
    check_reward_model,
    context_length,
    refuse_quantised,
)
from tests.tiny_models import ARCHITECTURES, make_tiny_model, make_tiny_reward_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "model")


def refusal(path: Path) -> str:
    with pytest.raises(UnusableModel) as refused:
        check_model_directory(path)
    return str(refused.value)


def shard(model: Path) -> None:
    """Name the weights as one shard of two, the way large models are stored."""
    (model / "model.safetensors").rename(model / "model-00001-of-00002.safetensors")
    weight_map = {
        "lm_head.weight": "model-00001-of-00002.safetensors",
        "model.norm.weight": "model-00002-of-00002.safetensors",
    }
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_a_whole_checkpoint_passes(model: Path) -> None:
    check_model_directory(model)
    check_model_directory(str(model))


def test_a_whole_sharded_checkpoint_passes(model: Path) -> None:
    shard(model)
    whole = (model / "model-00001-of-00002.safetensors").read_bytes()
    (model / "model-00002-of-00002.safetensors").write_bytes(whole)
    check_model_directory(model)


def rename_weights(model: Path, rename: Callable[[str], str | None]) -> Path:
    """Gives weights other names, or takes away those that `rename` has none for."""
    weights = load_file(model / "model.safetensors")
    kept = {new: weight for name, weight in weights.items() if (new := rename(name))}
    save_file(kept, model / "model.safetensors", metadata={"format": "pt"})
    return model


def change_config(model: Path, **changes: object) -> Path:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | changes))
    return model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_whole_models_of_every_architecture_pass(tmp_path: Path, architecture: str) -> None:
    check_language_model(make_tiny_model(tmp_path, architecture=architecture))


def test_a_whole_reward_model_passes_and_nothing_is_sampled_from_it(tmp_path: Path) -> None:
    model = make_tiny_reward_model(tmp_path)
    check_reward_model(model)
    with pytest.raises(UnusableModel, match="is a reward model"):
        check_language_model(model)


def test_a_language_model_is_no_reward_model(model: Path) -> None:
    with pytest.raises(UnusableModel, match=r"is not a reward model: its weights lack score\.weight"):
        check_reward_model(model)


def test_a_reward_model_with_several_outputs_is_refused(tmp_path: Path) -> None:
    model = make_tiny_reward_model(tmp_path)
    weights = load_file(model / "model.safetensors")
    weights["score.weight"] = weights["score.weight"].repeat(3, 1)
    save_file(weights, model / "model.safetensors")
    with pytest.raises(UnusableModel, match="gives 3 numbers; a reward model gives one"):
        check_reward_model(model)


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        (
            lambda name: None if name == "lm_head.weight" else name,
            "lack lm_head.weight, and its embeddings are not tied",
        ),
        (lambda name: f"module.{name}", "are named “module.…”, as DistributedDataParallel"),
        (lambda name: f"_orig_mod.{name}", "are named “_orig_mod.…”, as torch.compile wraps"),
        (lambda name: None if "layers.1.mlp" in name else name, r"lack model\.layers\.1\.mlp\.down_proj\.weight"),
        (lambda name: None if "layers.1." in name else name, r"lack model\.layers\.1: config\.json names 2 layers"),
        (lambda name: None if "layers.0." in name else name, r"lack model\.layers\.0"),
        (lambda name: f"{name}.lora_A.weight" if "q_proj" in name else name, "holds an adapter, not a whole model"),
    ],
)
def test_weights_that_are_not_there_are_named(model: Path, rename: Callable[[str], str | None], words: str) -> None:
    """transformers loads each of these, and draws at random what it does not find."""
    with pytest.raises(UnusableModel, match=words):
        check_language_model(rename_weights(model, rename))


def test_tied_embeddings_need_no_head(tmp_path: Path) -> None:
    tied = change_config(make_tiny_model(tmp_path), tie_word_embeddings=True)
    check_language_model(rename_weights(tied, lambda name: None if name == "lm_head.weight" else name))


def test_an_adapter_beside_or_instead_of_weights_is_refused(model: Path) -> None:
    (model / "adapter_config.json").write_text("not even JSON")
    assert "holds an adapter, not a whole model" in refusal(model)
    (model / "model.safetensors").rename(model / "adapter_model.safetensors")
    assert "holds an adapter, not a whole model" in refusal(model)


def test_weights_that_the_index_names_and_no_file_holds_are_refused(model: Path) -> None:
    index = {"weight_map": {"model.norm.weight": "model.safetensors", "gone.weight": "model.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "names gone.weight, which none of the files holds" in refusal(model)


def test_a_tokenizer_larger_than_the_model_is_refused(model: Path, tmp_path: Path) -> None:
    weights = load_file(model / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        weights[name] = weights[name][:200].clone()
    save_file(weights, model / "model.safetensors")
    assert "makes token 260 and the model knows 200: they don't belong together" in refusal(model)


def test_tokens_that_no_text_has_may_be_unknown_to_the_model(model: Path) -> None:
    """Gemma's place for an image, a padding token that came after training."""
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append(tokenizer["added_tokens"][-1] | {"id": 261, "content": "<image_soft_token>"})
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    check_language_model(model)
    (model / "chat_template.jinja").write_text("{{ messages[0].content }}<image_soft_token>")
    assert "makes token 261 and the model knows 261" in refusal(model)


def test_quantised_weights_are_no_reward_model(tmp_path: Path) -> None:
    model = change_config(make_tiny_reward_model(tmp_path), quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(UnusableModel, match=r"are quantised \(gptq\).*dequantize"):
        refuse_quantised(model)
    with pytest.raises(UnusableModel, match=r"are quantised \(gptq\)"):
        check_reward_model(model)


def test_a_missing_directory_and_a_file_are_told_apart(model: Path) -> None:
    assert "nowhere does not exist" in refusal(model / "nowhere")
    assert "config.json is a file, not a directory" in refusal(model / "config.json")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_missing_or_broken_json_file_is_named(model: Path, name: str) -> None:
    (model / name).write_text('{"half": ')
    assert f"{name} is not valid JSON" in refusal(model)
    (model / name).write_text("[]")
    assert f"{name} holds no JSON object" in refusal(model)
    (model / name).unlink()
    assert f"{name} is missing" in refusal(model)


@pytest.mark.parametrize("pickled", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickled_weights_are_refused_by_name(model: Path, pickled: str) -> None:
    (model / "model.safetensors").rename(model / pickled)
    assert f"as {pickled}. Such files can run code" in refusal(model)


def test_no_weights_at_all_are_told(model: Path) -> None:
    (model / "model.safetensors").unlink()
    assert "holds no weights: model.safetensors or model.safetensors.index.json is missing" in refusal(model)


def test_a_missing_shard_is_named(model: Path) -> None:
    shard(model)
    assert "names model-00002-of-00002.safetensors, which is not there" in refusal(model)


def test_an_index_without_weights_is_refused(model: Path) -> None:
    (model / "model.safetensors.index.json").write_text("{}")
    assert "names no weights" in refusal(model)


@pytest.mark.parametrize("kept", [0, 5, 8, 60])
def test_weights_cut_off_in_the_header_are_refused(model: Path, kept: int) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    assert "is cut off inside its header" in refusal(model)


@pytest.mark.parametrize("change", [-1, 1])
def test_weights_that_are_cut_off_or_too_long_are_refused_with_both_sizes(model: Path, change: int) -> None:
    weights = model / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] if change < 0 else whole + b"\0")
    assert f"should have {len(whole)} bytes and has {len(whole) + change}" in refusal(model)


@pytest.mark.parametrize("header", [b"not json", b"[]", b'{"a": {}}', b'{"a": {"data_offsets": [0]}}', b"\xff\xfe"])
def test_weights_with_a_broken_header_are_refused(model: Path, header: bytes) -> None:
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert "its header is broken" in refusal(model)


def test_the_context_length_is_read_under_the_names_that_architectures_give_it(model: Path) -> None:
    assert context_length(model) == 512
    config = model / "config.json"
    for content, expected in [
        ({"n_positions": 2048}, 2048),
        ({"max_position_embeddings": 4096, "n_positions": 1}, 4096),
        ({"text_config": {"max_position_embeddings": 8192}}, 8192),
    ]:
        config.write_text(json.dumps(content))
        assert context_length(model) == expected
    config.write_text("{}")
    with pytest.raises(UnusableModel, match="names no context length"):
        context_length(model)


def test_checking_and_counting_need_no_torch_and_no_transformers(model: Path) -> None:
    """In a process of its own, as in the web server."""
    program = (
        "import sys\n"
        "from lm.model_directory import check_model_directory, context_length\n"
        "check_model_directory(sys.argv[1]), context_length(sys.argv[1])\n"
        "assert not {'torch', 'transformers', 'tokenizers', 'jinja2', 'numpy', 'django'} & set(sys.modules)\n"
        "from lm.prompt_tokens import count_tokens\n"
        "count_tokens(sys.argv[1], [{'role': 'user', 'content': 'Hi'}])\n"
        "assert not {'torch', 'transformers', 'django'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, model], check=True)
