"""Reading the prompt once: scores, loss and gradients are those of K full sequences, in every architecture."""

from pathlib import Path

import pytest
import torch
from rm_trainer.sharing.attention import NAME
from rm_trainer.sharing.choice import SUPPORTED, WAYS, choose, computed_tokens
from rm_trainer.sharing.prefix import split
from rm_trainer.sharing.rows import lay_out, pack
from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedModel

from lm.rendering import Rendered
from rm_trainer.loss import pair_margins, ranking_loss
from rm_trainer.model import load_base_model
from tests.rm_trainer.trees import CPU, base_model, rendered
from tests.tiny_models import ARCHITECTURES

# Gemma's window is 64: the first prompt is longer by itself, the second and third only with a completion.
PROMPTS = [rendered(100, [3, 40, 17]), rendered(50, [30, 20]), rendered(7, [1, 2, 90, 4, 5]), rendered(20, [9])]


def losses(scores: torch.Tensor, groups: list[Rendered]) -> torch.Tensor:
    """The mean over prompts of the ranking loss, the first completion being the best."""
    parts = torch.split(scores, [len(group.sequences) for group in groups])
    return torch.stack([ranking_loss(pair_margins(part, torch.arange(len(part)))) for part in parts]).mean()


def measured(model: PreTrainedModel, way: str) -> tuple[torch.Tensor, float, torch.Tensor]:
    """Scores, loss and the whole gradient as one vector."""
    model.zero_grad()
    scores = WAYS[way](model, PROMPTS, CPU)
    loss = losses(scores, PROMPTS)
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return scores.detach(), loss.item(), gradient


WITH_EVERY_ATTENTION = [
    (architecture, way, kind)
    for architecture in ARCHITECTURES
    for way, kind in [("cache", "eager"), ("tree", "eager"), ("cache", "sdpa"), ("tree", "sdpa"), ("packed", NAME)]
    if architecture != "gptj" or kind == "eager"  # transformers 5 gives GPT-J eager attention only
]


@pytest.mark.parametrize(("architecture", "way", "kind"), WITH_EVERY_ATTENTION)
def test_scores_loss_and_gradients_equal_those_of_full_sequences(
    tmp_path: Path, architecture: str, way: str, kind: str
) -> None:
    model = base_model(tmp_path, architecture)
    model.set_attn_implementation("eager" if kind == "eager" else "sdpa")
    expected, expected_loss, expected_gradient = measured(model, "full")
    model.set_attn_implementation(kind)
    scores, loss, gradient = measured(model, way)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-5)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert (gradient - expected_gradient).norm() < 1e-5 * expected_gradient.norm()
    assert expected.std() > 0.01


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"gptj"}))
def test_flex_attention_gives_the_scores_of_full_sequences(tmp_path: Path, architecture: str) -> None:
    """Forward only and not compiled, which is what a CPU can run of it; its backward pass needs a GPU."""
    model = base_model(tmp_path, architecture)
    with torch.no_grad():
        torch.testing.assert_close(
            WAYS["flex"](model, PROMPTS, CPU), WAYS["full"](model, PROMPTS, CPU), atol=1e-5, rtol=1e-5
        )


def test_completions_without_a_common_prompt_are_scored_alike(tmp_path: Path) -> None:
    model = base_model(tmp_path, "gemma3")
    apart = [Rendered(sequences=(torch.tensor([5, 6, 7]), torch.tensor([8, 9])), dropped=0), PROMPTS[1]]
    with torch.no_grad():
        torch.testing.assert_close(
            WAYS["packed"](model, apart, CPU), WAYS["full"](model, apart, CPU), atol=1e-5, rtol=1e-5
        )


def test_every_architecture_that_is_called_supported_is_proven_here(tmp_path: Path) -> None:
    proven = {base_model(tmp_path / name, name).config.model_type for name in ARCHITECTURES}
    assert proven == SUPPORTED


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_prompt_really_passes_once(tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompt 100 with 3, 40, 17: 160 tokens once instead of 360."""
    model = base_model(tmp_path, architecture)
    own = (("packed", 160), ("flex", 160)) if architecture != "gptj" else ()
    seen: list[int] = []
    model.get_input_embeddings().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    for way, expected in (("full", 3 * 140), ("tree", 160), ("cache", 100 + 3 * 40), *own):
        seen.clear()
        with torch.no_grad():
            WAYS[way](model, PROMPTS[:1], CPU)
        assert sum(seen) == expected, way


def test_the_prefix_is_that_of_the_tokens() -> None:
    """A prompt 1 2 3 whose last token merges with one completion's beginning (3 4 → 9) is common up to 2 only; where
    all completions begin alike, their beginning is common, too; a sequence keeps at least one token of its own.
    """
    merged = Rendered(sequences=(torch.tensor([1, 2, 9, 5]), torch.tensor([1, 2, 3, 6])), dropped=0)
    assert split(merged).prefix.tolist() == [1, 2]
    assert [branch.tolist() for branch in split(merged).branches] == [[9, 5], [3, 6]]
    alike = Rendered(sequences=(torch.tensor([1, 7, 8]), torch.tensor([1, 7])), dropped=0)
    assert [branch.tolist() for branch in split(alike).branches] == [[7, 8], [7]]
    alone = Rendered(sequences=(torch.tensor([1, 7, 8]),), dropped=0)
    assert split(alone).branches[0].tolist() == [8]


def test_a_row_by_hand() -> None:
    """Prompt 5 6 with completions 7 8 and 9, then prompt 3 with completions 1 and 2, in one row."""
    trees = [
        split(Rendered(sequences=(torch.tensor([5, 6, 7, 8]), torch.tensor([5, 6, 9])), dropped=0)),
        split(Rendered(sequences=(torch.tensor([3, 1]), torch.tensor([3, 2])), dropped=0)),
    ]
    rows = lay_out(trees, budget=8)
    assert rows.input_ids.tolist() == [[5, 6, 7, 8, 9, 3, 1, 2]]
    assert rows.positions.tolist() == [[0, 1, 2, 3, 2, 0, 1, 1]]
    assert rows.trees.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1]]
    assert rows.branches.tolist() == [[0, 0, 1, 1, 2, 0, 1, 2]]
    assert rows.ends.tolist() == [[0, 3], [0, 4], [0, 6], [0, 7]]


def test_rows_waste_little_on_mixed_lengths() -> None:
    """2,000 trees between 50 and 700 tokens in rows of 2,048: under 5% of the tokens are padding."""
    lengths = torch.randint(50, 700, (2000,), generator=torch.Generator().manual_seed(0)).tolist()
    rows = pack(lengths, 2048)
    assert sorted(item for row in rows for item in row) == list(range(2000))
    assert max(sum(lengths[item] for item in row) for row in rows) <= 2048
    assert sum(lengths) / (2048 * len(rows)) > 0.95


def test_a_prompt_larger_than_the_budget_has_a_row_of_its_own() -> None:
    assert pack([9, 2, 3], 5) == [[0], [2, 1]]


@pytest.mark.parametrize(("architecture", "kind", "checkpointing", "way"), [
    ("llama", "cpu", False, "packed"), ("llama", "cpu", True, "packed"), ("gemma3", "cuda", True, "flex"),
    ("gptj", "cpu", False, "cache"), ("gptj", "cpu", True, "tree"), ("gptj", "cuda", False, "tree"),
])  # fmt: skip
def test_the_way_depends_on_architecture_device_and_checkpointing(
    tmp_path: Path, architecture: str, kind: str, checkpointing: bool, way: str
) -> None:
    model = base_model(tmp_path, architecture)
    assert choose(model, torch.device(kind), checkpointing=checkpointing).way == way


def test_what_a_checkpoint_says_of_itself_is_nothing_of_ours(tmp_path: Path) -> None:
    """The attention has a name that plain transformers don't know, so no config may carry it."""
    model = base_model(tmp_path / "base", "gemma3")
    assert model.config._attn_implementation == NAME
    model.save_pretrained(tmp_path / "saved")
    assert NAME not in (tmp_path / "saved" / "config.json").read_text()


def test_what_is_not_known_to_be_equal_is_read_in_full_and_says_why(tiny_base: Path) -> None:
    gpt2 = GPT2ForSequenceClassification(GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=20))
    choice = choose(gpt2, CPU, checkpointing=False)
    assert choice.way == "full"
    assert choice.fallback is not None
    assert "gpt2" in choice.fallback
    model, _ = load_base_model(str(tiny_base), max_length=512, seed=0)
    model.config.use_bidirectional_attention = True
    assert choose(model, CPU, checkpointing=False).way == "full"


@pytest.mark.parametrize(
    ("way", "tokens"), [("full", 5 * 140), ("tree", 260), ("cache", 2 * 100 + 5 * 40), ("packed", 260)]
)
def test_what_is_computed_of_mixed_lengths(way: str, tokens: int, tiny_base: Path) -> None:
    """Prompts of 100 and 50 with 3, 40, 17 and 30, 20: 160 + 100 tokens, sequences of up to 140."""
    assert computed_tokens(way, PROMPTS[:2]) == tokens
    model, _ = load_base_model(str(tiny_base), max_length=512, seed=0)
    seen: list[int] = []
    model.get_input_embeddings().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    WAYS[way](model, PROMPTS[:2], CPU)
    assert sum(seen) == tokens
