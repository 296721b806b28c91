"""Eight ways to get wrong scores without an exception. Each test shows the cure at work, and that without it the scores
would be wrong: that it can fail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rm_trainer.sharing import attention, cache, choice, full, masks, packed, tree
from rm_trainer.sharing.prefix import split
from rm_trainer.sharing.rows import Rows, lay_out
from torch import Tensor, nn
from transformers import PreTrainedModel

from lm.layers import recompute_activations, transformer_layers
from lm.training.runtime import Runtime
from rm_trainer.batches import collate
from rm_trainer.model import head, load_base_model
from tests.rm_trainer.trees import CPU, base_model, rendered

PROMPTS = [rendered(100, [12, 40, 17]), rendered(50, [30, 20])]
WRONG = 1e-2
"""Right scores differ by some 1e-6; every wrong one below by more than this."""


def distance(model: PreTrainedModel, scores: Tensor) -> float:
    """The largest error against K full sequences."""
    with torch.no_grad():
        return float((scores - full.scores(model, PROMPTS, CPU)).abs().max())


@torch.no_grad()
def scored(model: PreTrainedModel, way: Callable[..., Tensor]) -> Tensor:
    return way(model, PROMPTS, CPU)


def checkpointed(model: PreTrainedModel) -> PreTrainedModel:
    recompute_activations(model)
    return model


def test_1_the_cache_way_refuses_gradient_checkpointing_which_drops_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = base_model(tmp_path, "llama")
    expected = scored(model, full.scores)
    checkpointed(model)
    with pytest.raises(RuntimeError, match="does not go with gradient checkpointing"):
        cache.scores(model, PROMPTS, CPU)
    runtime = Runtime(device=CPU, dtype=torch.float32)
    torch.testing.assert_close(choice.score(model, runtime, PROMPTS).detach(), expected, atol=1e-5, rtol=1e-5)

    monkeypatch.setattr(cache, "recomputes_activations", lambda _model: False)
    try:
        uncured = cache.scores(model, PROMPTS, CPU).detach()
    except (RuntimeError, ValueError):
        return  # a library that raises is no trap any more
    assert (uncured - expected).abs().max() > WRONG


def test_2_sliding_layers_keep_their_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "gemma3")
    assert model.config.sliding_window < 100
    assert distance(model, scored(model, tree.scores)) < 1e-5
    monkeypatch.setattr(masks, "MASK_BY_LAYER", frozenset())
    assert distance(model, scored(model, tree.scores)) > WRONG


def test_2_sliding_layers_keep_their_window_in_the_packed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "gemma3")
    assert distance(model, scored(model, packed.scores)) < 1e-5
    assert distance(model, scored(model, packed.flex_scores)) < 1e-5
    visible, block_mask = attention.visible, attention.block_mask
    monkeypatch.setattr(attention, "visible", lambda queries, keys, _, device: visible(queries, keys, None, device))
    monkeypatch.setattr(attention, "block_mask", lambda rows, _: block_mask(rows, None))
    assert distance(model, scored(model, packed.scores)) > WRONG
    assert distance(model, scored(model, packed.flex_scores)) > WRONG


def test_2_the_window_is_counted_in_positions_not_in_the_row() -> None:
    """Prompt 0 1, completions 2 and 3 (both at position 2): with a window of 2 either sees itself and token 1."""
    rows = lay_out([split(rendered(2, [1, 1]))])
    assert masks.allowed(rows, window=2)[0].tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [False, True, True, False],
        [False, True, False, True],
    ]


def test_3_the_mask_is_added_so_it_is_made_of_floats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "gptj")
    assert distance(model, scored(model, tree.scores)) < 1e-5
    monkeypatch.setattr(masks, "additive", lambda visible: visible[:, None])
    assert distance(model, scored(model, tree.scores)) > WRONG


@pytest.mark.parametrize("use_cache", [False, True])
def test_4_without_a_mask_restarting_positions_would_be_taken_for_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_cache: bool
) -> None:
    model = base_model(tmp_path, "llama")
    assert distance(model, scored(model, tree.scores)) < 1e-5
    monkeypatch.setattr(tree, "attention_masks", lambda *_: None)
    forward = model.base_model.forward
    monkeypatch.setattr(model.base_model, "forward", lambda **given: forward(**{**given, "use_cache": use_cache}))
    assert distance(model, scored(model, tree.scores)) > WRONG


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_4_the_packed_row_needs_its_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str) -> None:
    """Without them the library's own attention would run over the row."""
    model = base_model(tmp_path, architecture)
    assert distance(model, scored(model, packed.scores)) < 1e-5
    monkeypatch.setattr(packed, "Row", lambda **_: None)
    monkeypatch.setattr(packed, "_no_mask", lambda *_: None)
    assert distance(model, scored(model, packed.scores)) > WRONG


def test_5_prompts_are_padded_on_the_left_for_sliding_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "gemma3")
    assert distance(model, scored(model, cache.scores)) < 1e-5
    pad = cache.pad
    monkeypatch.setattr(cache, "pad", lambda sequences, side: pad(sequences, side="right"))
    assert distance(model, scored(model, cache.scores)) > WRONG


def test_6_padding_that_is_the_end_token_moves_no_score(tmp_path: Path) -> None:
    """Every sequence ends with the token that is also padding, as in GPT-J; the stock head reads the token before."""
    model = base_model(tmp_path, "gptj")
    ends = [
        type(one)(sequences=tuple(torch.cat([s, torch.tensor([9])]).int() for s in one.sequences), dropped=0)
        for one in PROMPTS
    ]
    model.config.pad_token_id = 9
    batch = collate(ends, CPU)
    padded = torch.where(batch.attention_mask.bool(), batch.input_ids, 9)
    with torch.no_grad():
        expected = torch.cat(
            [head(model)(model.base_model(s.long()[None]).last_hidden_state[0, -1]) for e in ends for s in e.sequences]
        )
        for name, way in choice.WAYS.items():
            if name in {"packed", "flex"}:
                continue  # not for GPT-J
            torch.testing.assert_close(way(model, ends, CPU), expected, atol=1e-5, rtol=1e-5)
        stock = model(input_ids=padded, attention_mask=batch.attention_mask).logits.squeeze(-1)
    assert (stock - expected).abs().max() > WRONG


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
    choice.score(model, runtime, PROMPTS)[0].backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    changed = [(p != q).float().flatten() for p, q in zip(matrices, before, strict=True)]
    return float(torch.cat(changed).mean())


def test_8_neighbours_in_a_row_never_see_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Document ids as a mask of two dimensions are cast to bool: every id but 0 means "a token"."""
    model = base_model(tmp_path, "llama")
    assert len(lay_out([split(one) for one in PROMPTS]).input_ids) == 1, "both prompts share a row"
    assert distance(model, scored(model, tree.scores)) < 1e-5

    def document_ids(_: Any, rows: Rows) -> Tensor:
        return rows.trees + 1

    monkeypatch.setattr(tree, "attention_masks", document_ids)
    assert distance(model, scored(model, tree.scores)) > WRONG


def test_8_nor_in_the_packed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = base_model(tmp_path, "llama")
    assert distance(model, scored(model, packed.scores)) < 1e-5
    one = [attention.Span(0, 100, (12, 40, 17, 50, 30, 20))]  # the second prompt as the first one's completion
    monkeypatch.setattr(packed, "spans", lambda _: tuple(one))
    assert distance(model, scored(model, packed.scores)) > WRONG


def test_a_change_of_one_prompt_leaves_the_others_scores(tmp_path: Path) -> None:
    model = base_model(tmp_path, "gemma3")
    for way in (tree.scores, cache.scores, packed.scores, packed.flex_scores):
        with torch.no_grad():
            before = way(model, PROMPTS, CPU)
            after = way(model, [PROMPTS[0], rendered(51, [30, 20])], CPU)
        torch.testing.assert_close(before[:3], after[:3], atol=1e-5, rtol=1e-5)
        assert not torch.allclose(before[3:], after[3:], atol=1e-3)


@pytest.mark.parametrize(("architecture", "way"), [
    ("llama", tree), ("gemma3", tree), ("gptj", tree), ("llama", packed), ("gemma3", packed),
])  # fmt: skip
def test_a_single_pass_is_equal_under_gradient_checkpointing(tmp_path: Path, architecture: str, way: Any) -> None:
    model = base_model(tmp_path, architecture)
    gradients, computed = [], []
    inside = next(transformer_layers(model)[0].children())
    inside.register_forward_hook(lambda *_: computed.append(1))
    for enable in (False, True):
        if enable:
            checkpointed(model)
        model.zero_grad()
        way.scores(model, PROMPTS, CPU).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert len(computed) == 1 + 2  # once without; forth, and again on the way back
    assert not any(one.training for one in transformer_layers(model)[0].children()), "dropout would be on"
    assert (gradients[0] - gradients[1]).norm() < 1e-5 * gradients[0].norm()
