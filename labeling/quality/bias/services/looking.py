"""One look at everybody's habits: what labelers do, and who differs from the others by more than chance.

Beat looks once a day. Each look holds its own false discovery rate (rules/outliers.py); it replaces the one before.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from labeling.quality.agreement.rules.intervals import Share
from labeling.quality.agreement.rules.ratios import share_of_sums
from labeling.quality.bias.models import FindingFigure, LabelerHabits, ShareFigure
from labeling.quality.bias.queries.ranked_tasks import ranked_tasks
from labeling.quality.bias.rules.habits import Habits, habits_of
from labeling.quality.bias.rules.outliers import Finding, findings_of


@transaction.atomic
def look_at_habits() -> list[LabelerHabits]:
    """Replaces the last look. Simulated labelers are held against each other. Returns those who differ."""
    now = timezone.now()
    since = dict(LabelerHabits.objects.exclude(outlier=[]).values_list("labeler", "outlier_since"))
    rows = [row for simulated in (False, True) for row in _looked_at(now, since, simulated=simulated)]
    LabelerHabits.objects.all().delete()
    LabelerHabits.objects.bulk_create(rows)
    return [row for row in rows if row.outlier]


def _looked_at(now: datetime, since: dict[int, datetime | None], *, simulated: bool) -> list[LabelerHabits]:
    everybody = habits_of(ranked_tasks(simulated=simulated))
    findings = findings_of({labeler: habits.estimates() for labeler, habits in everybody.items()})
    return [
        _row(labeler, habits, findings.get(labeler, []), now=now, since=since.get(labeler))
        for labeler, habits in everybody.items()
    ]


def _row(
    labeler: int, habits: Habits, findings: list[Finding], *, now: datetime, since: datetime | None
) -> LabelerHabits:
    outlier = [str(finding.habit) for finding in findings if finding.is_outlier]
    return LabelerHabits(
        labeler_id=labeler,
        measured_at=now,
        rankings=habits.rankings,
        outlier=outlier,
        outlier_since=(since or now) if outlier else None,
        findings=[_figures(finding) for finding in findings],
        first_is_best=_share(habits.first_is_best_share()),
        first_by_chance=habits.first_by_chance / habits.rankings,
        longer_wins=_share(habits.longer_wins_share()),
        agreement=_share(share_of_sums(habits.agreement)),
        agreement_lengths_balanced=habits.agreement_lengths_balanced(),
        ties_by_place=habits.tie_rates(),
        pace=habits.pace_over_usual(),
        pace_lately=habits.pace_lately(),
    )


def _figures(finding: Finding) -> FindingFigure:
    return {
        "habit": str(finding.habit),
        "value": finding.value,
        "error": finding.error,
        "tasks": finding.tasks,
        "centre": finding.centre,
        "z": finding.z,
        "chance": finding.chance,
        "is_outlier": finding.is_outlier,
    }


def _share(share: Share | None) -> ShareFigure | None:
    return None if share is None else {"value": share.value, "low": share.low, "high": share.high, "pairs": share.pairs}
