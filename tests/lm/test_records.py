"""What a record may say of how much better one rank is than the next."""

from typing import Any

import pytest

from lm.errors import Refused
from lm.snapshot.records.rankings import parse_ranking
from tests.lm.snapshots import ranking


def record(**more: Any) -> dict[str, Any]:
    return {**ranking(1, [("a", 1), ("b", 2), ("c", 2), ("d", 3)]), **more}


def test_records_may_hold_strengths_and_fields_that_are_not_known() -> None:
    assert parse_ranking(record()).strengths is None
    assert parse_ranking(record(strengths=None)).strengths is None
    assert parse_ranking(record(strengths=[1, 4], a_field_of_next_year={"x": 1})).strengths == (1, 4)


@pytest.mark.parametrize("strengths", [[1], [1, 2, 3], [0, 1], [1, 5], [1, True], [1, "2"], "12"])
def test_strengths_that_do_not_fit_the_ranks_are_refused(strengths: Any) -> None:
    with pytest.raises(Refused, match="strengths"):
        parse_ranking(record(strengths=strengths))
