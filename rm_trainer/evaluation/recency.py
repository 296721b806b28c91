"""The newest batch: the rankings that the model in use was not trained on. Its accuracy falls first when policy
and prompts move on (Llama 2, §3.2, holds out a part of every batch for that).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lm.errors import Refused
from lm.snapshot.manifest import read_manifest
from rm_trainer.evaluation.bootstrap import RESAMPLES
from rm_trainer.evaluation.figures import Newest
from rm_trainer.evaluation.metrics import Outcome, summarise

DAYS = 7


@dataclass(frozen=True)
class Recent:
    """What counts as newest: handed in after `since`; `rule` says in words why then."""

    since: datetime
    rule: str


def recent(snapshot: Path, since: str | None) -> Recent:
    """Returns what counts as newest: after the given time, or else in the last DAYS days before the snapshot's own
    time. Raises Refused.
    """
    if since is not None:
        return Recent(parse_time(since), f"handed in after {since}, when the model before was made (--newest-since)")
    until = read_manifest(snapshot).as_of
    rule = f"handed in within the last {DAYS} days of the snapshot, as --newest-since isn't given"
    return Recent(until - timedelta(days=DAYS), rule)


def newest(outcomes: Sequence[Outcome], batch: Recent, *, samples: int = RESAMPLES, seed: int = 0) -> Newest:
    """`metrics` are None when no ranking is that new, or none says when it was handed in."""
    new = [one for one in outcomes if one.submitted_at and parse_time(one.submitted_at) > batch.since]
    return {
        "since": batch.since.isoformat().replace("+00:00", "Z"),
        "rule": batch.rule,
        "metrics": summarise(new, bootstrap_samples=samples, seed=seed) if new else None,
    }


def parse_time(text: str) -> datetime:
    """A time with its zone. Raises Refused."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is no time ({error}). Write it as 2026-01-02T03:04:05Z.") from error
    if time.tzinfo is None:
        raise Refused(f"{text!r} does not say in which zone. Write it as 2026-01-02T03:04:05Z.")
    return time
