"""The newest batch: rankings that nobody trained on, handed in after a time, and what two models make of them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from rm_trainer.errors import Refused
from rm_trainer.metrics import Outcome, summarise
from rm_trainer.paired import compare
from rm_trainer.records import Ranking

SPLITS = ("valid", "test")
"""Never `train`: a model is not asked about what it learned."""


def parse_time(text: str) -> datetime:
    """A time with its zone. Raises Refused."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is no time ({error}). Write it as 2026-01-02T03:04:05Z.") from error
    if time.tzinfo is None:
        raise Refused(f"{text!r} does not say in which zone. Write it as 2026-01-02T03:04:05Z.")
    return time


def submitted_after(rankings: Iterable[Ranking], since: datetime) -> list[Ranking]:
    """Raises Refused for a ranking that does not say when it was handed in."""
    return [ranking for ranking in rankings if _time_of(ranking) > since]


def newest_part(
    since: str,
    judged: Sequence[Outcome],
    current: Sequence[Outcome] | None,
    *,
    confidence: float,
    seed: int,
    per_ranking: Callable[[Outcome], dict[str, Any]],
) -> dict[str, Any]:
    """What evaluation.json says under `newest`; without a ranking neither metrics nor comparison."""
    return {
        "since": since,
        "splits": list(SPLITS),
        "metrics": summarise(judged, seed=seed) if judged else None,
        "comparison": compare(judged, current, confidence=confidence, seed=seed) if judged else None,
        "rankings": [per_ranking(outcome) for outcome in judged],
    }


def _time_of(ranking: Ranking) -> datetime:
    if not ranking.submitted_at:
        raise Refused(f"Ranking {ranking.ranking_id} has no submitted_at, so nobody can say whether it is new.")
    return parse_time(ranking.submitted_at)
