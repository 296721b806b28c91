"""Whether labelers judge otherwise than before. It takes a while to count, so that only beat looks, and pages read the
incident that it opened."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from labeling.quality.agreement.queries.cuts import Cut
from labeling.quality.agreement.queries.figures import agreement_share
from labeling.quality.agreement.rules.intervals import Share
from labeling.quality.bias.queries.sentinels import alarms

LATELY = timedelta(days=7)
BEFORE = timedelta(days=28)


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Agreement of the last week, and of the four weeks before it."""

    lately: Share
    before: Share


def agreement_drop(*, lasts: bool = False) -> Drop | None:
    """The last seven days against the four weeks before them, where their 95% intervals do not even touch.

    Where nothing changed, such a distance comes in about one of two hundred weeks. None: no drop, or not enough data.
    `lasts`: there was one at the last look; it is over only when the share itself is within the interval before, lest
    single rankings end and begin it again.
    """
    today = timezone.localdate()
    lately = agreement_share(Cut(since=today - LATELY + timedelta(days=1)))
    before = agreement_share(Cut(since=today - LATELY - BEFORE + timedelta(days=1), until=today - LATELY))
    if lately is None or before is None:
        return None
    if (lately.value if lasts else lately.high) >= before.low:
        return None
    return Drop(lately=lately, before=before)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A sentinel whose last whole week differs from those before it."""

    sentinel: int
    name: str
    now: float
    expected: float


def moved_sentinels() -> list[Moved]:
    return [
        Moved(
            sentinel=sentinel.pk,
            name=sentinel.name,
            now=look.period.preferred / look.period.pairs,
            expected=look.expected,
        )
        for sentinel, look in alarms()
        if look.expected is not None
    ]
