"""The newest batch: rankings that nobody trained on, handed in after a time, and what two models make of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from lm.errors import Refused
from lm.snapshot.records import TEST, VALID, Ranking
from rm_trainer.evaluation.metrics import Outcome, summarise
from rm_trainer.evaluation.paired import compare
from rm_trainer.evaluation.recency import parse_time

SPLITS = (VALID, TEST)
"""Never `train`: a model is not evaluated on what it was trained on."""


def submitted_after(ranking: Ranking, since: datetime) -> bool:
    """Raises Refused for a ranking that does not say when it was handed in."""
    if not ranking.submitted_at:
        raise Refused(f"Ranking {ranking.ranking_id} has no submitted_at, so nobody can say whether it is new.")
    return parse_time(ranking.submitted_at) > since


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
