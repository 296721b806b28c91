"""Formulas against their closed forms, worked by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from policy_trainer.maths import advantage, kl
from policy_trainer.maths.answers import summed
from policy_trainer.maths.best_of_n import expected_best, kl_bound, law_of_best, mean_of_best
from policy_trainer.maths.clip import policy_losses
from policy_trainer.maths.dpo import implicit_rewards
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.maths.ptx import Scale, language_model_loss, whitened
from policy_trainer.maths.value import explained_variance, value_losses
from policy_trainer.ppo_setup import warm


def test_kl_estimators_have_the_exact_mean_and_only_k2s_gradient_is_the_kls() -> None:
    """Over all four outcomes, each as likely as it is."""
    logits = torch.tensor([0.3, -1.0, 0.8, 0.1], requires_grad=True)
    reference = torch.tensor([0.1, 0.4, -0.5, 0.9]).log_softmax(0)
    logs = logits.log_softmax(0)
    exact = (logs.exp() * (logs - reference)).sum()
    (right,) = torch.autograd.grad(exact, logits, retain_graph=True)
    likely = logs.exp().detach()
    for estimator in (kl.per_token, kl.low_variance):
        assert float((likely * estimator(logs, reference)).sum()) == pytest.approx(float(exact), rel=1e-5)
    k2 = kl.loss_per_answer(logs, reference, (1, 1, 1, 1))
    of_k1, of_k2, of_k3 = (
        torch.autograd.grad((likely * each).sum(), logits, retain_graph=True)[0]
        for each in (kl.per_token(logs, reference), k2, kl.low_variance(logs, reference))
    )
    torch.testing.assert_close(of_k2, right)
    torch.testing.assert_close(of_k1, torch.zeros(4), atol=1e-6, rtol=0)
    assert (of_k3 - right).norm() > 0.1 * right.norm()
    both = kl.loss_per_answer(torch.tensor([1.0, 2.0, 5.0]), torch.zeros(3), (2, 1))
    torch.testing.assert_close(both, torch.tensor([4.5, 12.5]))


def test_rewards_add_up_to_the_score_less_the_kl_and_the_score_is_on_the_last_token() -> None:
    rewards = advantage.token_rewards(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.1, 0.2]), (2, 1), beta=0.1)
    torch.testing.assert_close(rewards, torch.tensor([-0.05, 0.99, 1.98]))
    torch.testing.assert_close(summed(rewards, (2, 1)), torch.tensor([0.94, 1.98]))


def test_generalised_advantages_by_hand() -> None:
    """One text of two tokens, γ 0.5, λ 0.5: δ₂ = 1 − 0.4 = 0.6; δ₁ = 0 + 0.5·0.4 − 0.2 = 0; A₁ = 0 + 0.25·0.6. The
    second text doesn't see the first, whatever stands beside it.
    """
    rewards, values = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([0.2, 0.4, 1.0])
    advantages, returns = advantage.generalised(rewards, values, (2, 1), discount=0.5, decay=0.5)
    torch.testing.assert_close(advantages, torch.tensor([0.15, 0.6, 2.0]))
    torch.testing.assert_close(returns, advantages + values)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 99))
def test_without_decay_an_advantage_is_all_that_follows_less_the_value(lengths: list[int], seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    rewards, values = (torch.randn(sum(lengths), generator=chance) for _ in range(2))
    advantages, _ = advantage.generalised(rewards, values, lengths, discount=1, decay=1)
    following = torch.cat([part.flip(0).cumsum(0).flip(0) for part in torch.split(rewards, lengths)])
    torch.testing.assert_close(advantages, following - values, atol=1e-5, rtol=1e-5)


def test_advantages_of_a_group() -> None:
    totals = torch.tensor([1.0, 2.0, 6.0])
    torch.testing.assert_close(advantage.of_group(totals), torch.tensor([-2.0, -1.0, 3.0]))
    torch.testing.assert_close(advantage.leave_one_out(totals), torch.tensor([-3.0, -1.5, 4.5]))


def test_the_clip_takes_the_gradient_only_where_it_would_go_on() -> None:
    """Ratios e⁰·⁵ and e⁻⁰·⁵ with either sign of the advantage, ε 0.2: held where the move went the advantage's way."""
    log_probs = torch.tensor([0.5, 0.5, -0.5, -0.5, 0.0], requires_grad=True)
    clipped = policy_losses(log_probs, torch.zeros(5), torch.tensor([1.0, -1.0, 1.0, -1.0, 2.0]), clip=0.2)
    clipped.losses.sum().backward()  # type: ignore[no-untyped-call]
    assert clipped.held.tolist() == [True, False, False, True, False]
    assert log_probs.grad is not None
    up, down = float(torch.tensor(0.5).exp()), float(torch.tensor(-0.5).exp())
    torch.testing.assert_close(log_probs.grad, torch.tensor([0.0, up, -down, 0.0, -2.0]))


def test_value_loss_by_hand() -> None:
    values = torch.tensor([1.0, 0.1], requires_grad=True)
    losses = value_losses(values, torch.zeros(2), torch.tensor([2.0, 2.0]), clip=0.2)
    torch.testing.assert_close(losses.detach(), torch.tensor([1.62, 1.805]))
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    torch.testing.assert_close(values.grad, torch.tensor([0.0, -1.9]))
    assert explained_variance(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 3.0])) == 1
    assert explained_variance(torch.tensor([2.0, 2.0]), torch.tensor([1.0, 3.0])) == 0


def test_parts_of_the_language_model_loss_add_up_and_a_scale_is_frozen() -> None:
    logs = torch.tensor([-1.0, -2.0, -3.0])
    whole = language_model_loss(logs, tokens=3)
    assert float(whole) == 2
    assert float(language_model_loss(logs[:1], tokens=3) + language_model_loss(logs[1:], tokens=3)) == pytest.approx(2)
    assert Scale.of_first(torch.tensor([1.0, 3.0])).value == 1
    assert Scale.of_first(torch.zeros(3)).value == 1  # nothing to divide by
    torch.testing.assert_close(whitened(torch.tensor([1.0, 3.0])), torch.tensor([-1.0, 1.0]))
    assert whitened(torch.ones(3)).isfinite().all()


def test_implicit_rewards() -> None:
    rewards = implicit_rewards(torch.tensor([-1.0, -1.0, -2.0]), torch.tensor([-2.0, -1.0, -1.0]), (2, 1), beta=0.5)
    torch.testing.assert_close(rewards, torch.tensor([0.5, -0.5]))


def test_the_law_of_the_best_of_n_is_counted_and_its_kl_is_under_the_bound() -> None:
    """Two of {½, ¼, ¼} with rewards 0, 1, 2: the best is the last with 1 − (¾)², the first with (½)²."""
    likely, rewards = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.0, 1.0, 2.0])
    law = law_of_best(likely, rewards, 2)
    torch.testing.assert_close(law, torch.tensor([0.25, 0.3125, 0.4375]))
    assert float((law * (law / likely).log()).sum()) < kl_bound(2)
    assert float(law_of_best(likely, torch.ones(3), 5)[0]) == pytest.approx(0.5)  # equals: nothing is picked


def test_the_expected_best_is_the_mean_over_all_subsets() -> None:
    assert expected_best([3.0, 1.0, 2.0], 1) == pytest.approx(2)
    assert expected_best([3.0, 1.0, 2.0], 2) == pytest.approx((2 + 3 + 3) / 3)
    assert expected_best([3.0, 1.0, 2.0], 3) == 3
    assert mean_of_best([5.0, 0.0], 2) == 0  # what was picked, not what is best


def test_the_average_has_its_closed_form_after_500_steps_also_of_bfloat16_weights() -> None:
    """S20: weights that rise by 2⁻¹⁰ a step; in bfloat16 the average would stand still."""
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.zero_()
    average = MovingAverage(layer, decay=0.992)
    expected = 0.0
    for step in range(1, 501):
        layer.weight.data.fill_(step / 1024)
        average.update()
        expected = 0.992 * expected + 0.008 * step / 1024
    assert float(average.averages["weight"]) == pytest.approx(expected, rel=1e-4)
    with average.applied():
        assert float(layer.weight) == pytest.approx(expected, rel=1e-4)
    assert float(layer.weight) == 500 / 1024
    assert MovingAverage(layer.bfloat16(), decay=0.9).averages["weight"].dtype is torch.float32


def test_rates_rise_from_a_tenth() -> None:
    assert [warm(n, 10) for n in (1, 11, 500)] == [0.1, 1.0, 1.0]
    assert warm(1, 0) == 1
