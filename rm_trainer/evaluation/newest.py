"""The newest batch: the rankings of SPLITS that the model in use was not trained on, since they were handed in after
the time of its snapshot (--newest-since). Pure maths.

A reward model's accuracy falls there first when policy and prompts move on (Llama 2, §3.2, holds out a part of every
batch for that), so promotion goes by it. Without the time there is no newest batch.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from lm.errors import Refused
from lm.snapshot.records.constants import TEST, VALID
from rm_trainer.evaluation.metrics import Outcome, summarise
from rm_trainer.evaluation.paired import compare

SPLITS = (VALID, TEST)
"""Never `train`: a model is not evaluated on what it was trained on."""


def parse_time(text: str) -> datetime:
    """A time with its zone. Raises Refused."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is no time ({error}). Write it as 2026-01-02T03:04:05Z.") from error
    if time.tzinfo is None:
        raise Refused(f"{text!r} does not say in which zone. Write it as 2026-01-02T03:04:05Z.")
    return time


def is_new(submitted_at: str, since: datetime) -> bool:
    """Whether it was handed in after the time. What doesn't say when it was is not new."""
    return bool(submitted_at) and parse_time(submitted_at) > since


def newest_part(
    since: str,
    judged: Sequence[Outcome],
    current: Sequence[Outcome] | None,
    *,
    confidence: float,
    seed: int,
    per_ranking: Callable[[Outcome], dict[str, Any]],
) -> dict[str, Any]:
    """What evaluation.json says under `newest`, of SPLITS together; with no ranking neither metrics nor comparison."""
    return {
        "since": since,
        "splits": list(SPLITS),
        "metrics": summarise(judged, seed=seed) if judged else None,
        "comparison": compare(judged, current, confidence=confidence, seed=seed) if judged else None,
        "rankings": [per_ranking(outcome) for outcome in judged],
    }
