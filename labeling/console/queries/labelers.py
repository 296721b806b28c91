"""Labelers at a glance: what each did in the days that are shown."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from labeling.alerts.rules import fails_gold
from labeling.base.states import AssignmentKind, CheckKind
from labeling.console.queries.work import Work, midnight_of
from labeling.people.models import Labeler
from labeling.quality.bias.models import FindingFigure, ShareFigure
from labeling.quality.gold.models import Check


@dataclass(frozen=True, kw_only=True)
class LabelerAtAGlance:
    labeler: int
    name: str
    simulated: bool
    rankings: int
    demonstrations: int
    active_seconds: float
    seconds_per_ranking: float | None
    gold: int
    gold_passed: int
    fails_gold: bool
    agreement: ShareFigure | None
    outlier: Sequence[str]
    findings: Sequence[FindingFigure]
    """These three are what quality found out at its last look (LabelerHabits)."""


@dataclass
class _Sums:
    count: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def labelers_at_a_glance(work: Work, *, campaigns: Collection[int], days: int) -> list[LabelerAtAGlance]:
    """Everybody who handed something in, who did most first."""
    sums: defaultdict[int, _Sums] = defaultdict(_Sums)
    for row in work.by_labeler:
        if row.campaign in campaigns and row.labeler is not None:
            sums[row.labeler].count[row.kind] += row.count
            sums[row.labeler].seconds[row.kind] += row.active_seconds
    gold = _gold(campaigns, days=days)
    people = Labeler.objects.filter(pk__in=sums).order_by()
    shown = people.values_list(
        "pk", "user__username", "simulated", "habits__agreement", "habits__outlier", "habits__findings"
    )
    found = [_at_a_glance(row, sums[row[0]], gold[row[0]]) for row in shown]
    return sorted(found, key=lambda each: (-each.rankings, -each.demonstrations, each.name))


def _at_a_glance(row: tuple[Any, ...], sums: _Sums, gold: list[bool]) -> LabelerAtAGlance:
    labeler, name, simulated, agreement, outlier, findings = row
    rankings = sums.count[AssignmentKind.RANKING]
    return LabelerAtAGlance(
        labeler=labeler,
        name=name,
        simulated=simulated,
        rankings=rankings,
        demonstrations=sums.count[AssignmentKind.DEMONSTRATION],
        active_seconds=sum(sums.seconds.values()),
        seconds_per_ranking=sums.seconds[AssignmentKind.RANKING] / rankings if rankings else None,
        gold=len(gold),
        gold_passed=gold.count(True),
        fails_gold=fails_gold(gold),
        agreement=agreement,
        outlier=outlier or [],
        findings=findings or [],
    )


def _gold(campaigns: Collection[int], *, days: int) -> defaultdict[int, list[bool]]:
    """By labeler: whether gold items were passed, the last first."""
    since = midnight_of(timezone.now()) - timedelta(days=days - 1)
    measured = Check.objects.filter(kind=CheckKind.GOLD, measured_at__gte=since, task__campaign__in=campaigns)
    passed: defaultdict[int, list[bool]] = defaultdict(list)
    for labeler, each in measured.order_by("-measured_at").values_list("labeler", "passed"):
        passed[labeler].append(bool(each))
    return passed
