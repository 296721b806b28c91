"""Reading the prompt once: hidden states, loss and gradients are those of K full sequences, in every architecture."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2ForSequenceClassification, LlamaForCausalLM, PreTrainedModel

from lm.prefix_sharing.attention import NAME, use_row_attention
from lm.prefix_sharing.row import lay_out
from lm.prefix_sharing.shared_prompt import SharedPrompt, share_prefix
from lm.prefix_sharing.strategy import SUPPORTED, Name, Strategy, choose_strategy
from rm_trainer.loss import pair_margins, ranking_loss
from rm_trainer.model import score_hidden
from tests.lm.shared_prompts import CPU, base_model, shared_prompt
from tests.tiny_models import ARCHITECTURES

# Gemma's window is 64: the first prompt is longer by itself, the second and third only with a completion.
PROMPTS = [
    shared_prompt(100, [3, 40, 17]),
    shared_prompt(50, [30, 20]),
    shared_prompt(7, [1, 2, 90, 4, 5]),
    shared_prompt(20, [9]),
]


def scores_of(model: PreTrainedModel, name: Name, prompts: list[SharedPrompt]) -> torch.Tensor:
    return score_hidden(model, Strategy(name).last_hidden_states(model, prompts))


def losses(scores: torch.Tensor, prompts: list[SharedPrompt]) -> torch.Tensor:
    """The mean over prompts of the ranking loss, the first completion being the best."""
    parts = torch.split(scores, [len(one.completions) for one in prompts])
    return torch.stack([ranking_loss(pair_margins(part, torch.arange(len(part)))) for part in parts]).mean()


def measured(model: PreTrainedModel, name: Name) -> tuple[torch.Tensor, float, torch.Tensor]:
    """Scores, loss and the whole gradient as one vector."""
    model.zero_grad()
    scores = scores_of(model, name, PROMPTS)
    loss = losses(scores, PROMPTS)
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return scores.detach(), loss.item(), gradient


SHARING: tuple[tuple[Name, str], ...] = (("masked", "eager"), ("masked", "sdpa"), ("packed", NAME))
WITH_EVERY_ATTENTION = [
    (architecture, name, kind)
    for architecture in ARCHITECTURES
    for name, kind in SHARING
    if architecture != "gptj" or kind == "eager"  # transformers 5 gives GPT-J eager attention only
]


@pytest.mark.parametrize(("architecture", "name", "kind"), WITH_EVERY_ATTENTION)
def test_scores_loss_and_gradients_equal_those_of_full_sequences(
    tmp_path: Path, architecture: str, name: Name, kind: str
) -> None:
    model = base_model(tmp_path, architecture)
    model.set_attn_implementation("eager" if kind == "eager" else "sdpa")
    expected, expected_loss, expected_gradient = measured(model, "full")
    model.set_attn_implementation(kind)
    scores, loss, gradient = measured(model, name)
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
            scores_of(model, "flex", PROMPTS), scores_of(model, "full", PROMPTS), atol=1e-5, rtol=1e-5
        )


@pytest.mark.gpu
@pytest.mark.training
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("architecture", "head_size"), [
    ("gemma3", 16), ("gemma3", 256), ("gpt_neox", 96), ("llama", 64), ("llama", 128), ("qwen2", 128),
])  # fmt: skip
def test_on_a_gpu_heads_of_every_size_give_scores_and_gradients_of_full_sequences(
    tmp_path: Path, architecture: str, head_size: int, dtype: torch.dtype
) -> None:
    """Rows of more and of fewer than 128 tokens, which have kernels of their own; bfloat16 as a trainer has it."""
    model = nn.Module.cuda(base_model(tmp_path, architecture, head_size=head_size, sharpened_by=2))
    model.get_parameter("score.weight").requires_grad_(False)
    for prompts in (PROMPTS, PROMPTS[3:]):
        found = []
        for name in ("full", choose_strategy(model, torch.device("cuda")).name):
            model.zero_grad()
            with torch.autocast("cuda", dtype=dtype, enabled=dtype is not torch.float32):
                scores = scores_of(model, name, prompts)
            scores.sum().backward()  # type: ignore[no-untyped-call]
            found.append(
                (scores.detach(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
            )
        (expected, of_full), (shared, of_shared) = found
        exact = dtype is torch.float32
        torch.testing.assert_close(shared, expected, atol=1e-4 if exact else 0.1, rtol=1e-4 if exact else 0.1)
        assert (of_shared - of_full).norm() < (1e-3 if exact else 0.1) * of_full.norm()


@pytest.mark.parametrize("name", ["full", "packed", "masked"])
def test_log_probabilities_of_completions_are_those_of_full_sequences(tmp_path: Path, name: Name) -> None:
    """As a policy is trained: each completion token from the state of the token before it, by the unembedding."""
    base_model(tmp_path, "llama")
    model = LlamaForCausalLM.from_pretrained(tmp_path)
    nn.Module.eval(model)
    expected = [
        model(input_ids=sequence.long()[None])
        .logits[0, one.prefix - 1 : -1]
        .log_softmax(dim=-1)[torch.arange(length), sequence[one.prefix :].long()]
        for one in PROMPTS
        for sequence, length in zip(one.sequences(), one.completions, strict=True)
    ]
    if name == "packed":
        use_row_attention(model)
    logits = model.lm_head(Strategy(name).predicting_states(model, PROMPTS))  # [ΣC, vocabulary]
    tokens = torch.cat([one.ids[one.prefix :] for one in PROMPTS]).long()
    found = logits.log_softmax(dim=-1)[torch.arange(len(tokens)), tokens]
    torch.testing.assert_close(found, torch.cat(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["full", "packed"])
def test_nothing_predicts_the_first_token_of_a_completion_without_a_prompt(tmp_path: Path, name: Name) -> None:
    with pytest.raises(ValueError, match="without tokens"):
        Strategy(name).predicting_states(base_model(tmp_path, "llama"), [shared([1, 2], [3])])


def test_completions_without_a_common_prompt_are_scored_alike(tmp_path: Path) -> None:
    model = base_model(tmp_path, "gemma3")
    apart = [share_prefix([torch.tensor([5, 6, 7]).int(), torch.tensor([8, 9]).int()]), PROMPTS[1]]
    assert apart[0].prefix == 0
    with torch.no_grad():
        torch.testing.assert_close(
            scores_of(model, "packed", apart), scores_of(model, "full", apart), atol=1e-5, rtol=1e-5
        )


def test_every_architecture_that_is_called_supported_is_proven_here(tmp_path: Path) -> None:
    proven = {base_model(tmp_path / name, name).config.model_type for name in ARCHITECTURES}
    assert proven == SUPPORTED


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_prompt_really_passes_once(tmp_path: Path, architecture: str) -> None:
    """Prompt 100 with 3, 40, 17: 160 tokens once instead of 360."""
    model = base_model(tmp_path, architecture)
    names: list[Name] = ["full", "masked"] if architecture == "gptj" else ["full", "packed", "flex"]
    seen: list[int] = []
    model.get_input_embeddings().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    for name in names:
        seen.clear()
        with torch.no_grad():
            scores_of(model, name, PROMPTS[:1])
        assert sum(seen) == (3 * 140 if name == "full" else 160), name


def shared(*sequences: list[int]) -> SharedPrompt:
    return share_prefix([torch.tensor(one, dtype=torch.int32) for one in sequences])


def test_the_prefix_is_that_of_the_tokens() -> None:
    """A prompt 1 2 3 whose last token merges with one completion's beginning (3 4 → 9) is common up to 2 only; where
    all completions begin alike, their beginning is common, too; a sequence keeps at least one token of its own.
    """
    merged = shared([1, 2, 9, 5], [1, 2, 3, 6])
    assert (merged.ids.tolist(), merged.prefix, merged.completions) == ([1, 2, 9, 5, 3, 6], 2, (2, 2))
    alike = shared([1, 7, 8], [1, 7])
    assert (alike.ids.tolist(), alike.prefix, alike.completions) == ([1, 7, 8, 7], 1, (2, 1))
    alone = shared([1, 7, 8])
    assert (alone.ids.tolist(), alone.prefix, alone.completions) == ([1, 7, 8], 2, (1,))
    for one, sequences in ((merged, [[1, 2, 9, 5], [1, 2, 3, 6]]), (alike, [[1, 7, 8], [1, 7]]), (alone, [[1, 7, 8]])):
        assert [sequence.tolist() for sequence in one.sequences()] == sequences
        assert one.lengths == tuple(map(len, sequences))


def test_what_all_sequences_begin_with_counts_once() -> None:
    """Prompt 5, 6, 7, then 8 and 9, 9: 3 + 1 + 2 tokens; a single sequence has all of its own."""
    assert len(shared([5, 6, 7, 8], [5, 6, 7, 9, 9]).ids) == 6
    assert len(shared([5, 6, 7, 8]).ids) == 4


def test_a_row_by_hand() -> None:
    """Prompt 5 6 with completions 7 8 and 9, then prompt 3 with completions 1 and 2, in one row."""
    row = lay_out([shared([5, 6, 7, 8], [5, 6, 9]), shared([3, 1], [3, 2])], CPU)
    assert row.input_ids.tolist() == [[5, 6, 7, 8, 9, 3, 1, 2]]
    assert row.positions.tolist() == [[0, 1, 2, 3, 2, 0, 1, 1]]
    assert row.prompts.tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert row.branches.tolist() == [0, 0, 1, 1, 2, 0, 1, 2]
    assert row.last.tolist() == [3, 4, 6, 7]
    assert row.before_completions().tolist() == [1, 2, 1, 5, 5]
    assert [(span.start, span.fork, span.end) for span in row.spans] == [(0, 2, 5), (5, 6, 8)]


@pytest.mark.parametrize(("architecture", "head_size", "kind", "name"), [
    ("llama", 16, "cpu", "packed"), ("llama", 16, "cuda", "flex"), ("gemma3", 16, "cuda", "flex"),
    ("llama", 8, "cuda", "packed"), ("gemma3", 8, "cuda", "packed"),
    ("gptj", 16, "cpu", "masked"), ("gptj", 16, "cuda", "masked"),
])  # fmt: skip
def test_the_strategy_depends_on_architecture_head_and_device(
    tmp_path: Path, architecture: str, head_size: int, kind: str, name: str
) -> None:
    """FlexAttention has no kernel for heads of 8, which would end a GPU's first step in a compiler's traceback."""
    model = base_model(tmp_path, architecture, head_size=head_size)
    assert choose_strategy(model, torch.device(kind)).name == name


def test_what_a_checkpoint_says_of_itself_is_nothing_of_ours(tmp_path: Path) -> None:
    """The attention has a name that plain transformers don't know, so no config may carry it."""
    model = base_model(tmp_path / "base", "gemma3")
    assert model.config._attn_implementation == NAME
    model.save_pretrained(tmp_path / "saved")
    assert NAME not in (tmp_path / "saved" / "config.json").read_text()


def test_what_is_not_known_to_be_equal_is_read_in_full_and_says_why(tmp_path: Path) -> None:
    gpt2 = GPT2ForSequenceClassification(GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=20))
    strategy = choose_strategy(gpt2, CPU)
    assert strategy.name == "full"
    assert strategy.fallback is not None
    assert "gpt2" in strategy.fallback
    model = base_model(tmp_path, "llama")
    model.config.use_bidirectional_attention = True
    assert choose_strategy(model, CPU).name == "full"


@pytest.mark.parametrize(("name", "tokens"), [("full", 5 * 140), ("masked", 260), ("packed", 260)])
def test_what_is_computed_of_mixed_lengths(name: Name, tokens: int, tmp_path: Path) -> None:
    """Prompts of 100 and 50 with 3, 40, 17 and 30, 20: 160 + 100 tokens, sequences of up to 140."""
    assert Strategy(name).computed_tokens(PROMPTS[:2]) == tokens
    model = base_model(tmp_path, "llama")
    seen: list[int] = []
    model.get_input_embeddings().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    scores_of(model, name, PROMPTS[:2])
    assert sum(seen) == tokens
