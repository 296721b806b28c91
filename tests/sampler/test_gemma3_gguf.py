"""A GGUF file becomes the same checkpoint and the same tokenizer that transformers' own, slower loader makes of it."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import quantize
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from lm.model_directory import check_model_directory
from sampler.gemma3_gguf import write_checkpoint
from sampler.gguf_file import GgufFile
from sampler.gguf_tokenizer import merges
from sampler.protocol import SampleRequest
from sampler.transformers_sampler import TransformersSampler

CONTROL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
USER_DEFINED = ["\n", "\n\n", "  ", "<b>", "</b>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
JOINED = ["he", "ll", "hell", "hello", "▁w", "▁wor", "or", "ld", "▁world", "你好", "▁▁"]
SINGLE = [*"▁helowrd你好世界,.!", *"abcfgijkmnpqstuvxyz"]
PIECES = CONTROL + USER_DEFINED + BYTES + JOINED + SINGLE

HIDDEN, HEAD, LAYERS, FEED_FORWARD = (
    64,
    32,
    7,
    128,
)  # seven layers: the sixth sees the whole context, the seventh a window


@pytest.fixture(scope="module")
def gguf_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_sliding_window(16)
    writer.add_rope_freq_base(1e6)
    _add_tokenizer(writer)
    _add_tensors(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    kinds = [3] * len(CONTROL) + [4] * len(USER_DEFINED) + [6] * len(BYTES) + [1] * len(JOINED + SINGLE)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(PIECES)
    writer.add_token_scores([-1000.0 if kind in (3, 4) else -float(place) for place, kind in enumerate(kinds)])
    writer.add_token_types(kinds)
    for role, piece in {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>"}.items():
        getattr(writer, f"add_{role}_token_id")(PIECES.index(piece))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def _add_tensors(writer: gguf.GGUFWriter) -> None:
    numbers = np.random.default_rng(0)
    _add_matrix(writer, numbers, "token_embd", (len(PIECES), HIDDEN))
    _add_norm(writer, numbers, "output_norm", HIDDEN)
    for layer in range(LAYERS):
        for part, shape in {
            "attn_q": (2 * HEAD, HIDDEN),
            "attn_k": (HEAD, HIDDEN),
            "attn_v": (HEAD, HIDDEN),
            "attn_output": (HIDDEN, 2 * HEAD),
            "ffn_gate": (FEED_FORWARD, HIDDEN),
            "ffn_up": (FEED_FORWARD, HIDDEN),
            "ffn_down": (HIDDEN, FEED_FORWARD),
        }.items():
            _add_matrix(writer, numbers, f"blk.{layer}.{part}", shape)
        for part in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            _add_norm(writer, numbers, f"blk.{layer}.{part}", HIDDEN)
        for part in ("attn_q_norm", "attn_k_norm"):
            _add_norm(writer, numbers, f"blk.{layer}.{part}", HEAD)


def _add_matrix(writer: gguf.GGUFWriter, numbers: np.random.Generator, name: str, shape: tuple[int, int]) -> None:
    quantized = quantize(numbers.normal(0, 0.1, shape).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor(f"{name}.weight", quantized, raw_dtype=gguf.GGMLQuantizationType.Q8_0)


def _add_norm(writer: gguf.GGUFWriter, numbers: np.random.Generator, name: str, width: int) -> None:
    writer.add_tensor(f"{name}.weight", numbers.normal(1, 0.1, width).astype(np.float32))


@pytest.fixture(scope="module")
def checkpoint(gguf_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoint")
    steps: list[str] = []
    write_checkpoint(GgufFile(gguf_path), directory, dtype=torch.float32, report=steps.append)
    assert len(steps) == 3
    check_model_directory(directory)
    return directory


def test_the_weights_and_the_configuration_are_those_of_transformers_own_loader(
    checkpoint: Path, gguf_path: Path
) -> None:
    ours = AutoModelForCausalLM.from_pretrained(checkpoint)
    theirs = AutoModelForCausalLM.from_pretrained(gguf_path.parent, gguf_file=gguf_path.name, dtype=torch.float32)
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    for name, weight in ours.state_dict().items():
        torch.testing.assert_close(weight, expected[name], msg=name)
    different = {key for key, value in ours.config.to_dict().items() if value != theirs.config.to_dict().get(key)}
    # They keep the 256 of Gemma 3 270M as the attention's scale whatever the heads' size.
    assert different - {"architectures", "_name_or_path", "query_pre_attn_scalar"} == set()


@pytest.mark.parametrize(
    "text",
    ["hello world", "hello  world\n\nhello", "<b>hell</b>", "你好，世界", "🎉 naïve", "", " hello ", "<end_of_turn>x"],
)
def test_the_tokens_are_those_of_transformers_own_loader(checkpoint: Path, gguf_path: Path, text: str) -> None:
    ours = AutoTokenizer.from_pretrained(checkpoint)
    theirs = AutoTokenizer.from_pretrained(gguf_path.parent, gguf_file=gguf_path.name)
    tokens = ours(text)["input_ids"]
    assert tokens[0] == PIECES.index("<bos>")
    assert ours.decode(tokens[1:]) == text
    if "  " not in text:  # they split two spaces, which the vocabulary holds as one token
        assert tokens == theirs(text)["input_ids"]
    else:
        assert PIECES.index("  ") in tokens


def test_the_checkpoint_samples_and_carries_a_reward_head(checkpoint: Path) -> None:
    sampler = TransformersSampler.load(checkpoint, device="cpu")
    assert list(sampler.end_tokens) == [PIECES.index("<eos>"), PIECES.index("<end_of_turn>")]
    request = SampleRequest(messages=[{"role": "user", "content": "你好"}], num_completions=4, seed=1, max_new_tokens=8)
    assert len(sampler.sample([request])[0]) == 4
    reward_model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=1)
    assert reward_model(torch.tensor([[2, 20, 30]])).logits.shape == (1, 1)


def test_merges_come_best_scored_piece_first() -> None:
    """abc has two splits into known pieces, and scores better than ab."""
    assert merges(["a", "b", "c", "ab", "bc", "abc"], [0, 0, 0, -3.0, -9.0, -2.0]) == [
        ("a", "bc"), ("ab", "c"), ("a", "b"), ("b", "c"),
    ]  # fmt: skip


def test_another_file_is_no_gguf_file(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ValueError, match=r"other\.gguf is not a GGUF file of version 3"):
        GgufFile(other)
