"""Tokens are drawn from exactly the distribution that temperature and top_p define."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sampler.draw import Draw
from sampler.protocol import SampleRequest
from sampler.rows import seeded
from sampler.seeded_draw import draw_tokens, keep_nucleus

ROWS = 20_000
PROBABILITIES = [0.5, 0.25, 0.15, 0.06, 0.04]


def asking(**settings: float) -> SampleRequest:
    return SampleRequest(messages=[{"role": "user", "content": "?"}], num_completions=1, seed=0, **settings)  # type: ignore[arg-type]


def drawing(*requests: SampleRequest, ends: Sequence[int] = (), vocabulary: int = 5) -> Draw:
    ends_of = torch.tensor(ends, dtype=torch.int64)
    return Draw(requests, vocabulary=vocabulary, end_tokens=ends_of, device=torch.device("cpu"))


def frequencies(*, ends: Sequence[int] = (), **settings: float) -> Tensor:
    """How often each of the five tokens is drawn by rows that all see PROBABILITIES and differ in their seed."""
    draw = drawing(*[asking(**settings)] * ROWS, ends=ends)
    logits = torch.tensor(PROBABILITIES).log().expand(ROWS, -1) + 7.0  # logits are defined up to a constant
    tokens, _ = draw(logits.clone(), torch.cat([seeded(seed, 1) for seed in range(ROWS)]))
    return torch.bincount(tokens, minlength=5) / ROWS


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, PROBABILITIES),
        (0.5, 1.0, [0.25 / 0.3402, 0.0625 / 0.3402, 0.0225 / 0.3402, 0.0036 / 0.3402, 0.0016 / 0.3402]),
        (1.0, 0.75, [2 / 3, 1 / 3, 0, 0, 0]),
        (1.0, 0.76, [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0, 0]),
        (0.0, 1.0, [1, 0, 0, 0, 0]),
        (1.0, 0.01, [1, 0, 0, 0, 0]),
    ],
)
def test_frequencies_follow_temperature_and_top_p(temperature: float, top_p: float, expected: list[float]) -> None:
    """Temperature 0.5 squares the probabilities, and .25 + .0625 + .0225 + .0036 + .0016 = .3402.

    Four standard errors of a frequency from 20,000 draws are at most 4 * sqrt(.25 / 20000) = .014.
    """
    drawn = frequencies(temperature=temperature, top_p=top_p)
    torch.testing.assert_close(drawn, torch.tensor(expected, dtype=torch.float32), atol=0.014, rtol=0)


def test_log_probabilities_are_the_untempered_models() -> None:
    settings = ({"temperature": 0.3, "top_p": 0.4}, {"temperature": 0.0}, {"top_k": 1}, {"end_logit": 5.0, "top_k": 1})
    draw = drawing(*[asking(**one) for one in settings], ends=[0])
    logits = torch.tensor(PROBABILITIES).log().expand(len(settings), -1).clone()
    tokens, logprobs = draw(logits, torch.zeros(len(settings), dtype=torch.float64))
    assert tokens.tolist() == [0] * len(settings)
    torch.testing.assert_close(logprobs.exp(), torch.full((len(settings),), 0.5))


def test_the_likeliest_tokens_are_the_untempered_models_and_nobody_pays_who_does_not_ask() -> None:
    logits = torch.tensor(PROBABILITIES).log().repeat(2, 1) + 3
    draw = drawing(asking(temperature=0.3, top_k=1, likeliest=2), asking(likeliest=1), ends=[0])
    found = draw.likeliest(logits)
    assert found is not None
    assert found[0].tolist() == [[0, 1], [0, 1]]
    torch.testing.assert_close(found[1].exp(), torch.tensor([[0.5, 0.25]] * 2))
    assert drawing(asking(), ends=[0]).likeliest(logits) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_k": 9}, PROBABILITIES),
        ({"min_p": 0.29}, [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0, 0]),
        ({"top_k": 3, "top_p": 0.6}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"end_logit": 1.0}, [0.5 / 1.0687, 0.25 / 1.0687, 0.15 / 1.0687, 0.06 / 1.0687, 0.04 * 2.71828 / 1.0687]),
    ],
)
def test_frequencies_follow_the_other_settings(settings: dict[str, float], expected: list[float]) -> None:
    """end_logit 1 makes the last token, which ends the turn, e times as likely: .96 + .04 e = 1.0687."""
    drawn = frequencies(**settings, ends=[4])
    torch.testing.assert_close(drawn, torch.tensor(expected, dtype=torch.float32), atol=0.014, rtol=0)


def test_rows_of_one_step_keep_their_own_settings() -> None:
    draw = drawing(asking(top_k=1), asking(), asking(top_p=0.6), asking(min_p=0.9), asking(temperature=0))
    tokens, _ = draw(torch.tensor(PROBABILITIES).log().repeat(5, 1), torch.full((5,), 0.99, dtype=torch.float64))
    assert tokens.tolist() == [0, 4, 1, 0, 0]


@settings(max_examples=60, deadline=None)
@given(
    vocabulary=st.integers(1, 3000),
    seed=st.integers(0, 2**32),
    uniform=st.floats(0, 1, exclude_max=True),
    sparse=st.booleans(),
)
def test_two_levels_draw_what_one_long_sum_draws(vocabulary: int, seed: int, uniform: float, sparse: bool) -> None:
    weights = torch.rand(1, vocabulary, generator=torch.Generator().manual_seed(seed))
    if sparse:
        weights = torch.where(weights > 0.9, weights, 0.0)
        weights[0, vocabulary // 2] = 1.0
    uniforms = torch.tensor([uniform], dtype=torch.float64)
    (token,) = draw_tokens(weights, uniforms).tolist()
    ends = weights[0].double().cumsum(0) / weights.double().sum()
    assert weights[0, token] > 0
    assert ends[token] > uniform - 1e-6
    assert token == 0 or ends[token - 1] <= uniform + 1e-6


@settings(max_examples=40, deadline=None)
@given(vocabulary=st.integers(1, 5000), seed=st.integers(0, 2**32), top_p=st.floats(0.01, 0.99))
def test_the_nucleus_is_the_fewest_likeliest_tokens(vocabulary: int, seed: int, top_p: float) -> None:
    """With up to 5000 nearly equal weights the nucleus is often larger than the shortcut's 1024 tokens."""
    weights = torch.rand(1, vocabulary, generator=torch.Generator().manual_seed(seed)).double() + 0.5
    kept = keep_nucleus(weights, torch.tensor([top_p]).double())
    kept_weights = weights[kept > 0]
    dropped = weights[kept == 0]
    assert kept_weights.sum() >= top_p * weights.sum() - 1e-6
    assert kept_weights.sum() - kept_weights.min() < top_p * weights.sum() + 1e-6
    assert not len(dropped) or dropped.max() < kept_weights.min()


def test_a_row_that_keeps_everything_is_untouched_beside_one_that_does_not() -> None:
    weights = torch.tensor([PROBABILITIES, PROBABILITIES])
    kept = keep_nucleus(weights, torch.tensor([1.0, 0.6]))
    assert torch.equal(kept, torch.tensor([PROBABILITIES, [0.5, 0.25, 0, 0, 0]]))


def test_equally_likely_tokens_leave_the_nucleus_together() -> None:
    kept = keep_nucleus(torch.tensor([[0.4, 0.2, 0.2, 0.2]]), torch.tensor([0.5]))
    assert torch.equal(kept, torch.tensor([[0.4, 0.2, 0.2, 0.2]]))


def test_a_seed_gives_the_same_numbers_however_many() -> None:
    assert not torch.equal(seeded(5, 9), seeded(6, 9))
    assert torch.equal(seeded(5, 9)[:4], seeded(5, 4))


def test_rows_of_a_large_vocabulary_are_drawn_each_by_its_own_request() -> None:
    """Few rows at a time, which no row may notice: the vocabulary is so large that these are three blocks."""
    vocabulary = 2**18
    settings = ({"temperature": 0.0}, {"temperature": 0.7}, {"top_p": 0.5}, {"top_k": 3}, {"end_logit": 30.0})
    requests = [asking(**one) for one in settings]
    logits = torch.randn(len(requests), vocabulary, generator=torch.Generator().manual_seed(0)) * 4
    uniforms = torch.linspace(0.1, 0.9, len(requests), dtype=torch.float64)
    together = drawing(*requests, ends=[7], vocabulary=vocabulary)(logits, uniforms)
    alone = [
        drawing(request, ends=[7], vocabulary=vocabulary)(logits[[row]], uniforms[[row]])
        for row, request in enumerate(requests)
    ]
    for found, expected in zip(together, map(torch.cat, zip(*alone, strict=True)), strict=True):
        assert torch.equal(found, expected)
    assert together[0][0] == logits[0].argmax()
    assert together[0][4] == 7


def test_a_nucleus_of_many_tokens_is_whole() -> None:
    """Of 20,000 equally likely tokens all stay, of steps down those that reach it: more than are looked at first."""
    vocabulary = 20_000
    weights = torch.linspace(2.0, 1.0, vocabulary)[None]
    kept = keep_nucleus(weights, torch.tensor([0.9]))
    wanted = int((weights.cumsum(-1) < 0.9 * weights.sum()).sum()) + 1
    assert 16_384 < wanted < vocabulary
    assert abs(int((kept > 0).sum()) - wanted) <= 1
    fewer = keep_nucleus(weights, torch.tensor([0.5]))
    assert 1024 < int((fewer > 0).sum()) == int((weights.cumsum(-1) < 0.5 * weights.sum()).sum()) + 1
