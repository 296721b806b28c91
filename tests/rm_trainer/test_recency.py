"""What counts as the newest batch."""

import json
from pathlib import Path

import pytest

from lm.errors import Refused
from rm_trainer.evaluation.recency import newest, parse_time, recent
from tests.lm.snapshots import write_snapshot
from tests.rm_trainer.outcomes import outcome


def test_after_the_model_before_when_that_is_known_else_the_last_week_of_the_snapshot(tmp_path: Path) -> None:
    snapshot = write_snapshot(tmp_path / "data")
    assert json.loads((snapshot / "manifest.json").read_text())["as_of"] == "2026-01-02T03:04:05.000006Z"
    outcomes = [
        outcome(number, (2.0, 1.0) if number > 2 else (1.0, 2.0), submitted_at=time)
        for number, time in enumerate(
            ("2025-12-01T00:00:00Z", "2025-12-26T03:04:05.000006Z", "2026-01-01T00:00:00Z", "")
        )
    ]
    week = newest(outcomes, recent(snapshot, None))
    assert week["metrics"] is not None
    assert week["metrics"]["rankings"] == 1
    assert week["since"] == "2025-12-26T03:04:05.000006Z"
    assert "last 7 days" in week["rule"]
    given = newest(outcomes, recent(snapshot, "2025-12-24T00:00:00Z"))
    assert given["metrics"] is not None
    assert given["metrics"]["rankings"] == 2
    assert "--newest-since" in given["rule"]
    assert newest(outcomes, recent(snapshot, "2026-01-01T12:00:00+08:00"))["metrics"] is None


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(Refused, match="'yesterday' is no time"):
        parse_time("yesterday")
