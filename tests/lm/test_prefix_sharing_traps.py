"""Eight ways to get wrong scores without an exception. Each test shows the cure at work, and that without it the scores
would be wrong: that it can fail.

Two of them, losing a cache under gradient checkpointing (1) and padding prompts on the wrong side (5), came with a
strategy that kept the prompt's keys and values; what is left has neither cache nor padded prompts, and that is tested.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from lm.layers import recompute_activations, transformer_layers
from lm.prefix_sharing import attention, strategy
from lm.prefix_sharing.row import Row, Span, lay_out
from lm.prefix_sharing.shared_prompt import SharedPrompt, share_prefix
from lm.prefix_sharing.strategy import Name, Strategy
from lm.training.runtime import Runtime
from rm_trainer.model import head, load_base_model, score_hidden
from tests.lm.shared_prompts import CPU, base_model, shared_prompt

PROMPTS = [shared_prompt(100, [12, 40, 17]), shared_prompt(50, [30, 20])]
WRONG = 1e-2
"""Right scores differ by some 1e-6; every wrong one below by more than this."""


def scores_of(model: PreTrainedModel, name: Name, prompts: list[SharedPrompt]) -> Tensor:
    return score_hidden(model, Strategy(name).last_hidden_states(model, prompts))


@torch.no_grad()
def distance(model: PreTrainedModel, name: Name) -> float:
    """The largest error against K full sequences."""
    return float((scores_of(model, name, PROMPTS) - scores_of(model, "full", PROMPTS)).abs().max())


def checkpointed(model: PreTrainedModel) -> PreTrainedModel:
    recompute_activations(model)
    return model


@pytest.mark.parametrize(("architecture", "name"), [("llama", "packed"), ("gptj", "masked")])
def test_1_no_cache_is_kept_that_gradient_checkpointing_would_drop(
    tmp_path: Path, architecture: str, name: Name
) -> None:
    model = base_model(tmp_path, architecture)
    expected = scores_of(model, "full", PROMPTS).detach()
    checkpointed(model)
    given: list[dict[str, Any]] = []
    model.base_model.register_forward_pre_hook(lambda _, __, named: given.append(named), with_kwargs=True)
    torch.testing.assert_close(scores_of(model, name, PROMPTS).detach(), expected, atol=1e-5, rtol=1e-5)
    assert [(one["use_cache"], "past_key_values" in one) for one in given] == [(False, False)]


def test_2_sliding_layers_keep_their_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "gemma3")
    model.set_attn_implementation("sdpa")
    assert model.config.sliding_window < 100
    assert distance(model, "masked") < 1e-5
    monkeypatch.setattr(attention, "MASK_BY_LAYER", frozenset())
    assert distance(model, "masked") > WRONG


def test_2_sliding_layers_keep_their_window_in_the_packed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "gemma3")
    assert distance(model, "packed") < 1e-5
    assert distance(model, "flex") < 1e-5
    visible, block_mask = attention.visible, attention.block_mask
    monkeypatch.setattr(attention, "visible", lambda queries, keys, _, device: visible(queries, keys, None, device))
    monkeypatch.setattr(attention, "block_mask", lambda row, _: block_mask(row, None))
    assert distance(model, "packed") > WRONG
    assert distance(model, "flex") > WRONG


def test_2_the_window_is_counted_in_positions_not_in_the_row() -> None:
    """Prompt 0 1, completions 2 and 3 (both at position 2): with a window of 2 either sees itself and token 1."""
    row = lay_out([shared_prompt(2, [1, 1])], CPU)
    assert attention.allowed(row, window=2).tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [False, True, True, False],
        [False, True, False, True],
    ]


def test_3_the_mask_is_added_so_it_is_made_of_floats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "gptj")
    assert distance(model, "masked") < 1e-5
    monkeypatch.setattr(attention, "additive", lambda visible: visible[None, None])
    assert distance(model, "masked") > WRONG


@pytest.mark.parametrize("use_cache", [False, True])
def test_4_without_a_mask_restarting_positions_would_be_taken_for_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_cache: bool
) -> None:
    model = base_model(tmp_path, "llama")
    model.set_attn_implementation("sdpa")
    assert distance(model, "masked") < 1e-5
    monkeypatch.setattr(attention, "attention_masks", lambda *_: None)
    forward = model.base_model.forward
    monkeypatch.setattr(model.base_model, "forward", lambda **given: forward(**{**given, "use_cache": use_cache}))
    assert distance(model, "masked") > WRONG


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_4_the_packed_row_needs_its_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str) -> None:
    """Without them the library's own attention would run over the row."""
    model = base_model(tmp_path, architecture)
    assert distance(model, "packed") < 1e-5
    monkeypatch.setattr(attention, "RowAttention", lambda *_: None)
    monkeypatch.setattr(attention, "_no_mask", lambda *_: None)
    assert distance(model, "packed") > WRONG


def test_5_a_row_has_no_padding_that_a_sliding_window_could_count(tmp_path: Path) -> None:
    model = base_model(tmp_path, "gemma3")
    assert lay_out(PROMPTS, CPU).input_ids.numel() == sum(len(one.ids) for one in PROMPTS)
    assert distance(model, "packed") < 1e-5


def test_6_padding_that_is_the_end_token_moves_no_score(tmp_path: Path) -> None:
    """Every sequence ends with the token that is also padding, as in GPT-J; the stock head reads the token before."""
    model = base_model(tmp_path, "gptj")
    ends = [share_prefix([torch.cat([s, torch.tensor([9])]).int() for s in one.sequences()]) for one in PROMPTS]
    model.config.pad_token_id = 9
    sequences = [sequence.long() for one in ends for sequence in one.sequences()]
    padded = pad_sequence(sequences, batch_first=True, padding_value=9)
    mask = pad_sequence([torch.ones_like(one) for one in sequences], batch_first=True)
    names: tuple[Name, ...] = ("full", "masked")
    with torch.no_grad():
        expected = torch.cat([head(model)(model.base_model(s[None]).last_hidden_state[0, -1]) for s in sequences])
        for name in names:
            torch.testing.assert_close(scores_of(model, name, ends), expected, atol=1e-5, rtol=1e-5)
        stock = model(input_ids=padded, attention_mask=mask).logits.squeeze(-1)
    assert (stock - expected).abs().max() > WRONG


@pytest.mark.training
def test_7_a_bfloat16_checkpoint_is_trained_in_float32(tmp_path: Path) -> None:
    """At a rate of 1e-6 a step is far below bfloat16's resolution (2⁻⁸ of the weight): such weights never move."""
    source = base_model(tmp_path / "base", "llama")
    nn.Module.to(source, torch.bfloat16)
    source.save_pretrained(tmp_path / "bfloat16")
    for file in (tmp_path / "base").glob("tokenizer*"):
        (tmp_path / "bfloat16" / file.name).write_bytes(file.read_bytes())
    cured, _ = load_base_model(str(tmp_path / "bfloat16"), max_length=512, seed=0)
    uncured, _ = load_base_model(str(tmp_path / "bfloat16"), max_length=512, seed=0)
    nn.Module.to(uncured.base_model, torch.bfloat16)
    assert moved(cured) > 0.99
    assert moved(uncured) < 0.1


def moved(model: PreTrainedModel) -> float:
    """The part of the weights of the matrices that a step of AdamW at 1e-6 changes."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "layers" in name]
    before = [p.detach().clone() for p in matrices]
    optimizer = torch.optim.AdamW(matrices, lr=1e-6, weight_decay=0.0)
    runtime = Runtime(device=CPU, dtype=torch.bfloat16)
    with runtime.autocast():
        score = scores_of(model, "packed", PROMPTS)[0]
    score.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    changed = [(p != q).float().flatten() for p, q in zip(matrices, before, strict=True)]
    return float(torch.cat(changed).mean())


def test_8_neighbours_in_a_row_never_see_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Document ids as a mask of two dimensions are cast to bool: every id but 0 means "a token"."""
    model = base_model(tmp_path, "llama")
    model.set_attn_implementation("sdpa")
    assert len(lay_out(PROMPTS, CPU).input_ids) == 1, "both prompts share a row"
    assert distance(model, "masked") < 1e-5

    def document_ids(_: Any, row: Row) -> Tensor:
        return row.prompts[None] + 1

    monkeypatch.setattr(attention, "attention_masks", document_ids)
    assert distance(model, "masked") > WRONG


def test_8_nor_in_the_packed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "llama")
    assert distance(model, "packed") < 1e-5
    one = Span(0, 100, (12, 40, 17, 50, 30, 20))  # the second prompt as the first one's completion
    monkeypatch.setattr(strategy, "lay_out", lambda prompts, device: replace(lay_out(prompts, device), spans=(one,)))
    assert distance(model, "packed") > WRONG


@pytest.mark.parametrize(("kind", "name"), [("sdpa", "masked"), (attention.NAME, "packed"), (attention.NAME, "flex")])
def test_a_change_of_one_prompt_leaves_the_others_scores(tmp_path: Path, kind: str, name: Name) -> None:
    model = base_model(tmp_path, "gemma3")
    model.set_attn_implementation(kind)
    with torch.no_grad():
        before = scores_of(model, name, PROMPTS)
        after = scores_of(model, name, [PROMPTS[0], shared_prompt(51, [30, 20])])
    torch.testing.assert_close(before[:3], after[:3], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(before[3:], after[3:], atol=1e-3)


@pytest.mark.parametrize(("architecture", "kind", "name"), [
    ("llama", "sdpa", "masked"), ("gemma3", "sdpa", "masked"), ("gptj", "eager", "masked"),
    ("llama", attention.NAME, "packed"), ("gemma3", attention.NAME, "packed"),
])  # fmt: skip
def test_a_single_pass_is_equal_under_gradient_checkpointing(
    tmp_path: Path, architecture: str, kind: str, name: Name
) -> None:
    model = base_model(tmp_path, architecture)
    model.set_attn_implementation(kind)
    gradients, computed = [], []
    inside = next(transformer_layers(model)[0].children())
    inside.register_forward_hook(lambda *_: computed.append(1))
    for enable in (False, True):
        if enable:
            checkpointed(model)
        model.zero_grad()
        scores_of(model, name, PROMPTS).square().sum().backward()  # type: ignore[no-untyped-call]
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert len(computed) == 1 + 2  # once without; forth, and again on the way back
    assert not any(one.training for one in transformer_layers(model)[0].children()), "dropout would be on"
    assert (gradients[0] - gradients[1]).norm() < 1e-5 * gradients[0].norm()
