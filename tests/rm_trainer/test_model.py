"""Loading, padding, freezing, and scores that equal plain transformers'."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaForCausalLM,
    PreTrainedModel,
)

from lm.errors import Refused
from lm.layers import freeze, transformer_layers
from lm.prefix_sharing.strategy import Strategy
from lm.prompt_format import Message
from lm.rendering import Renderer
from rm_trainer.model import head, load_base_model, load_reward_model, score_hidden
from tests.tiny_models import ARCHITECTURES, BOS_ID, EOS_ID, PAD_ID, make_tiny_model

PROMPT = (Message(role="user", content="Name an animal."),)
COMPLETIONS = ["A zebra.", "A very long-necked giraffe.", "猫"]
FULL = Strategy("full")


def base(path: Path) -> tuple[PreTrainedModel, Renderer]:
    return load_base_model(str(path), max_length=512, seed=0)


def scores_of(model: PreTrainedModel, renderer: Renderer, completions: list[str]) -> torch.Tensor:
    with torch.no_grad():
        return score_hidden(model, FULL.last_hidden_states(model, [renderer.render(PROMPT, completions)]))


def without_special_tokens(directory: Path, *names: str) -> Path:
    """The checkpoint's tokenizer forgets these of its special tokens (the vocabulary keeps them)."""
    path = directory / "tokenizer_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in config.items() if name not in names}))
    return directory


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_together_changes_no_score(tmp_path: Path, architecture: str) -> None:
    model, renderer = base(make_tiny_model(tmp_path, architecture=architecture))
    together = scores_of(model, renderer, COMPLETIONS)
    alone = torch.cat([scores_of(model, renderer, [completion]) for completion in COMPLETIONS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert len(set(together.tolist())) == 3


@pytest.mark.parametrize("chat_template", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_plain_transformers_gives_the_same_scores_alone_and_in_batches(
    tmp_path: Path, architecture: str, chat_template: bool
) -> None:
    model, renderer = base(make_tiny_model(tmp_path / "base", architecture=architecture, chat_template=chat_template))
    model.save_pretrained(tmp_path / "saved")
    renderer.tokenizer.save_pretrained(tmp_path / "saved")

    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved")
    turns: Any = [[*PROMPT, {"role": "assistant", "content": one}] for one in COMPLETIONS]
    texts = tokenizer.apply_chat_template(turns, tokenize=False)
    inputs = tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
    with torch.no_grad():
        logits = plain(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    torch.testing.assert_close(logits.squeeze(-1), scores_of(model, renderer, COMPLETIONS), atol=1e-5, rtol=1e-5)


def test_a_tokenizer_without_padding_gets_a_token_that_never_ends_a_sequence(tmp_path: Path) -> None:
    """Padding with the end of sequence, as is usual, would make the stock head read the token before it."""
    model, renderer = base(without_special_tokens(make_tiny_model(tmp_path, chat_template=False), "pad_token"))
    assert renderer.last_token() == EOS_ID
    assert renderer.tokenizer.pad_token_id == model.config.pad_token_id == BOS_ID


def test_with_a_chat_template_padding_may_be_the_end_of_sequence(tmp_path: Path) -> None:
    model, _ = base(without_special_tokens(make_tiny_model(tmp_path), "pad_token"))
    assert model.config.pad_token_id == EOS_ID


def test_the_tokenizers_own_padding_is_kept(tmp_path: Path) -> None:
    model, _ = base(make_tiny_model(tmp_path))
    assert model.config.pad_token_id == PAD_ID


def test_one_special_token_for_everything_scores_equally_alone_and_never_wrongly_in_batches(tmp_path: Path) -> None:
    """As in GPT-2: padding, end and begin are one token, and plain-template sequences end with it."""
    directory = without_special_tokens(
        make_tiny_model(tmp_path / "base", chat_template=False), "pad_token", "bos_token"
    )
    config = json.loads((directory / "tokenizer_config.json").read_text())
    (directory / "tokenizer_config.json").write_text(json.dumps({**config, "pad_token": "<eos>"}))
    model, renderer = base(directory)
    model.save_pretrained(tmp_path / "saved")
    renderer.tokenizer.save_pretrained(tmp_path / "saved")

    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved")
    together = scores_of(model, renderer, COMPLETIONS)
    for completion, score in zip(COMPLETIONS, together, strict=True):
        text = renderer.text(PROMPT, completion)
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        assert ids[0, -1] == EOS_ID
        with torch.no_grad():
            torch.testing.assert_close(plain(ids).logits[0, 0], score, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="no padding token"):
        plain(torch.ones(2, 3, dtype=torch.long))


def test_padding_that_the_model_does_not_know_is_never_chosen(tmp_path: Path) -> None:
    """A padding token added to the tokenizer alone: the checkpoint could not be loaded with it."""
    directory = make_tiny_model(tmp_path / "base", chat_template=False)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokenizer.add_special_tokens({"pad_token": "<added>"})
    tokenizer.save_pretrained(directory)
    model, renderer = base(directory)
    assert tokenizer.pad_token_id == renderer.vocabulary
    assert renderer.tokenizer.pad_token_id == model.config.pad_token_id == BOS_ID
    model.save_pretrained(tmp_path / "saved")
    renderer.tokenizer.save_pretrained(tmp_path / "saved")
    load_reward_model(str(tmp_path / "saved"), max_length=None)


def test_without_an_end_token_the_score_is_read_at_the_texts_last_token(tmp_path: Path) -> None:
    directory = without_special_tokens(
        make_tiny_model(tmp_path / "base", chat_template=False), "eos_token", "pad_token"
    )
    model, renderer = base(directory)
    assert renderer.render(PROMPT, ["zebra"]).sequences()[0][-1] == ord("a") - ord("!")  # the alphabet starts there
    assert model.config.pad_token_id == BOS_ID
    model.save_pretrained(tmp_path / "saved")
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    tokenizer = renderer.tokenizer
    texts = [renderer.text(PROMPT, one) for one in COMPLETIONS]
    inputs = tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
    with torch.no_grad():
        logits = plain(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    torch.testing.assert_close(logits.squeeze(-1), scores_of(model, renderer, COMPLETIONS), atol=1e-5, rtol=1e-5)


def test_a_base_with_another_vocabulary_is_refused_before_the_first_step(tmp_path: Path) -> None:
    directory = make_tiny_model(tmp_path / "base")
    config = AutoConfig.from_pretrained(directory)
    config.vocab_size = 100
    config.pad_token_id = config.bos_token_id = config.eos_token_id = None
    LlamaForCausalLM(config).save_pretrained(directory)
    with pytest.raises(Refused, match=r"the tokenizer makes token \d+ and the model knows 100: they don't belong"):
        base(directory)


def test_a_new_head_is_drawn_as_in_the_paper(tiny_base: Path) -> None:
    """N(0, 1/(d+1)) at d = 32: over 400 heads the variance of the weights is 1/33 ≈ 0.0303 to a few per cent."""
    model, _ = base(tiny_base)
    assert not torch.equal(head(model).weight, head(load_base_model(str(tiny_base), max_length=512, seed=1)[0]).weight)
    assert torch.equal(head(model).weight, head(base(tiny_base)[0]).weight)
    heads = [head(load_base_model(str(tiny_base), max_length=512, seed=seed)[0]).weight for seed in range(20)]
    assert torch.cat(heads).var().item() == pytest.approx(1 / 33, rel=0.2)


def test_a_reward_model_as_base_keeps_its_head_and_forgets_its_shift(tiny_base: Path, tmp_path: Path) -> None:
    model, renderer = base(tiny_base)
    model.config.reward_bias = 2.5
    model.save_pretrained(tmp_path)
    renderer.tokenizer.save_pretrained(tmp_path)
    again, _ = load_base_model(str(tmp_path), max_length=512, seed=7)
    assert torch.equal(head(again).weight, head(model).weight)
    assert again.config.reward_bias == 0


def test_freezing_takes_embeddings_and_the_lowest_layers_out_of_training(tiny_base: Path) -> None:
    model, _ = base(tiny_base)
    freeze(model, embeddings=True, layers=0)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"model.embed_tokens.weight"}
    freeze(model, embeddings=False, layers=1)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert all(name.startswith(("model.embed_tokens", "model.layers.0.")) for name in frozen)
    assert {name for name, _ in model.named_parameters() if name.startswith("model.layers.0.")} < frozen


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_layers_of_every_architecture_are_found(tmp_path: Path, architecture: str) -> None:
    model, _ = base(make_tiny_model(tmp_path, architecture=architecture))
    assert len(transformer_layers(model)) == 2
    with pytest.raises(Refused, match="--freeze-layers 3 is more than the 2 layers"):
        freeze(model, embeddings=False, layers=3)


def test_the_models_own_limit_caps_the_length(tiny_base: Path) -> None:
    model, renderer = load_base_model(str(tiny_base), max_length=2048, seed=0)
    assert renderer.max_length == model.config.reward_max_length == 512


def test_a_language_model_is_no_reward_model(tiny_base: Path) -> None:
    with pytest.raises(Refused, match=r"is not a reward model: its weights lack score\.weight"):
        load_reward_model(str(tiny_base), max_length=None)


def test_a_cut_off_weights_file_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_base, tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(Refused, match=r"model\.safetensors is cut off inside its header"):
        base(broken)


def test_an_incomplete_checkpoint_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_base, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(Refused, match=r"lack model\.layers\.2"):
        base(broken)
