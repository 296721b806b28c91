"""Every way in which a directory is not a model is told in plain words, and none of them needs torch."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from lm.errors import UnusableModel
from lm.model_directory import check_model_directory, context_length
from tests.tiny_models import make_tiny_model


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
    weight_map = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_a_whole_checkpoint_passes(model: Path) -> None:
    check_model_directory(model)
    check_model_directory(str(model))


def test_a_whole_sharded_checkpoint_passes(model: Path) -> None:
    shard(model)
    whole = (model / "model-00001-of-00002.safetensors").read_bytes()
    (model / "model-00002-of-00002.safetensors").write_bytes(whole)
    check_model_directory(model)


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
