"""What counts as the newest batch."""

import pytest

from lm.errors import Refused
from rm_trainer.evaluation.newest import is_new, parse_time

TIMES = ("2025-12-01T00:00:00Z", "2025-12-26T03:04:05.000006Z", "2026-01-01T00:00:00Z", "")


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
    assert sum(is_new(time, parse_time(since)) for time in TIMES) == rankings


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(Refused, match="'yesterday' is no time"):
        parse_time("yesterday")
