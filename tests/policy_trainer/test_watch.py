"""When PPO stops."""

from dataclasses import replace

import pytest

from policy_trainer.watch import Look, Seen, best_look, reason_to_stop
from tests.policy_trainer.known_optimum.language import arguments

GIVEN = replace(arguments(), kl_budget=10.0, patience=2, entropy_floor=0.1, length_floor=0.5)
FINE = Seen(kl=1, entropy=2, length=20)


def look(iteration: int, optimised: float, watched: float) -> Look:
    return Look(iteration, optimised, watched, watched_error=0.1, win_rate=0.5, length=20, ended=1)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(FINE, kl=10.5), "The KL to the SFT model is 10.5 nats, over its budget of 10."),
        (replace(FINE, entropy=0.1), "A token's entropy fell from 2.000 to 0.100 nats"),
        (replace(FINE, length=9), "Answers shrank from 20.0 to 9.0 tokens."),
        (FINE, ""),
    ],
)
def test_collapse_and_a_spent_budget_stop_the_run(seen: Seen, words: str) -> None:
    assert reason_to_stop([FINE, seen], [], GIVEN).startswith(words)
    assert bool(reason_to_stop([FINE, seen], [], GIVEN)) == bool(words)


def test_it_stops_when_the_watched_reward_falls_while_the_optimised_one_rises() -> None:
    rising = [look(1, 0.0, 0.0), look(2, 1.0, 1.0), look(3, 2.0, 0.8)]
    assert reason_to_stop([FINE], rising, GIVEN) == ""  # once is luck
    words = reason_to_stop([FINE], [*rising, look(4, 3.0, 0.7)], GIVEN)
    assert words.startswith("The watched reward fell from +1.000 after iteration 2 to +0.700")
    assert reason_to_stop([FINE], [*rising, look(4, 3.0, 0.95)], GIVEN) == ""  # within its error
    assert reason_to_stop([FINE], [*rising[:2], look(3, 0.9, 0.8), look(4, 0.8, 0.7)], GIVEN) == ""  # both fall
    assert reason_to_stop([FINE], [*rising, look(4, 3.0, 0.7)], replace(GIVEN, patience=0)) == ""


def test_it_stops_before_the_gold_reward_has_lost_a_twentieth_of_its_peak() -> None:
    """S25: as Gao et al. (2022) find it, gold = d · (1 − 0.4 · d) by the distance d, while the proxy is d alone."""
    looks: list[Look] = []
    for iteration in range(1, 60):
        distance = iteration / 20
        looks.append(replace(look(iteration, distance, distance * (1 - 0.4 * distance)), watched_error=0.002))
        if reason_to_stop([FINE], looks, GIVEN):
            break
    peak = max(one.watched for one in looks)
    assert best_look(looks) == next(one for one in looks if one.watched == peak)
    assert looks[-1].watched > 0.95 * peak
    assert looks[-1].iteration < 59


def test_a_win_rate_counts_ties_as_half_and_the_picked_model_is_not_judged_by_what_picked_it() -> None:
    """S24: what was best by the optimised reward has less by the watched one."""
    made = Look.of(3, [1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0, 5.0], [0.0, 0.0, 3.0, 4.0], length=5, ended=1)
    assert made.win_rate == 0.625
    assert made.optimised > made.watched
    assert best_look([look(1, 0, 1.0), look(2, 9, 1.0)]) == look(1, 0, 1.0)  # of equals the earlier
    assert best_look([]) is None
