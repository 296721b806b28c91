"""What counts as the newest batch: one rule for training's figures, for evaluation and for promotion."""

import pytest

from lm.errors import Refused
from rm_trainer.evaluation.analysis import analyse
from rm_trainer.evaluation.newest import newest, parse_time
from tests.rm_trainer.outcomes import outcome

TIMES = ("2025-12-01T00:00:00Z", "2025-12-26T03:04:05.000006Z", "2026-01-01T00:00:00Z", "")
OUTCOMES = [
    outcome(number, (2.0, 1.0) if number > 2 else (1.0, 2.0), submitted_at=time) for number, time in enumerate(TIMES)
]


@pytest.mark.parametrize(
    ("since", "rankings"),
    [
        ("1970-01-01T00:00:00Z", 3),
        ("2025-12-24T00:00:00Z", 2),
        ("2025-12-26T03:04:05.000006Z", 1),
        ("2026-01-01T12:00:00+08:00", 0),
    ],
)
def test_what_was_handed_in_after_the_model_in_use_was_made_and_says_so(since: str, rankings: int) -> None:
    found = newest(OUTCOMES, since)
    assert found["since"] == since
    assert (found["metrics"]["rankings"] if found["metrics"] else 0) == rankings


def test_without_a_model_in_use_there_is_no_newest_batch() -> None:
    assert analyse(OUTCOMES)["newest"] is None
    assert analyse(OUTCOMES, newest_since=TIMES[0])["newest"] == newest(OUTCOMES, TIMES[0])


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(Refused, match="'yesterday' is no time"):
        parse_time("yesterday")
