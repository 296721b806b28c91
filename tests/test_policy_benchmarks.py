"""What benchmarks of policies compute of curves, and that ours learns what it is measured by."""

from pathlib import Path

import pytest

from benchmarks import policy_quality
from benchmarks.policy.our_learning import learn
from benchmarks.policy.quality import SHAPE, Learning, reward_of
from benchmarks.policy.shape import write_models
from policy_trainer.model import load_policy


class TestAtEqualKl:
    def test_straight_lines_over_the_stretch_that_both_reached(self) -> None:
        """To 2 nats: 0.5 → 0.9 against 0.5 → 0.7, whose distance is 0.1 in the mean."""
        further, steeper = [(0.0, 0.5), (4.0, 0.9)], [(0.0, 0.5), (2.0, 0.9)]
        assert policy_quality.at_equal_kl(steeper, further) == pytest.approx(0.1)
        assert policy_quality.at_equal_kl(further, steeper) == pytest.approx(-0.1)
        assert policy_quality.at_equal_kl(further, further) == 0

    def test_a_policy_that_came_back_is_put_where_its_kl_is(self) -> None:
        assert policy_quality.at_equal_kl([(0.0, 0.5), (2.0, 0.9), (1.0, 0.7)], [(0.0, 0.5), (2.0, 0.9)]) == 0

    def test_the_interval_is_students(self) -> None:
        """Mean 2, deviation 1, three seeds: 2 ± 4.303 / √3."""
        assert policy_quality.interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)


def test_the_rule_counts_even_words_and_no_others() -> None:
    assert reward_of("w2 w4 w7 w9 <pad>") == 0.5
    assert reward_of("") == 0


@pytest.mark.training
def test_ours_earns_more_and_moves_away_as_it_learns(tmp_path: Path) -> None:
    base, reward = write_models(tmp_path, SHAPE)
    learning = Learning(seed=0, iterations=6, look=6)
    assert learn(learning, "leave-one-out", base, reward, tmp_path / "out") > 0
    curve = policy_quality.curve_of(learning, load_policy(str(base), max_length=256), base, tmp_path / "out")
    (first_kl, first), (last_kl, last) = curve
    assert first_kl == pytest.approx(0, abs=1e-6)
    assert last > first + 0.05
    assert last_kl > 0.1
