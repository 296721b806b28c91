"""Claiming and submitting in tables of 1,000, 100,000 and 1,000,000 tasks, whatever most of them are.

    python -m benchmarks.scale [--quick]

One labeler claims and hands in by the services, in one process, on a new database on disk. Most of the table is in
their way (benchmarks/desk/mixes.py): it belongs to a closed campaign, is in another language, was met by them before …
Beside each figure stands that of 1,000 tasks; the ratio is to stay over 1 / 1.3. What is handed out must be what the
labeler may be given, or there are no figures. Pages are those of the database that the search for a ranking, its lock
and its lease touch: they say the same on a busy machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.desk.outcome import percentile
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

if TYPE_CHECKING:
    from benchmarks.desk.mixes import Mix
    from labeling.models import Labeler

SIZES = (1_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 20_000)
TIMES = 150
WARM_UP = 40  # plans are made, and a labeler's progress in what they have met is recorded


@dataclass
class Times:
    """Milliseconds of each claim and submission, and the pages that a claim touches."""

    ranking: list[float] = field(default_factory=list)
    submission: list[float] = field(default_factory=list)
    demonstration: list[float] = field(default_factory=list)
    pages: int = 0

    def by_name(self) -> dict[str, tuple[float, str]]:
        """What was measured → value and unit."""
        milliseconds = {
            "claim a ranking": self.ranking,
            "submit it": self.submission,
            "claim a demonstration": self.demonstration,
        }
        found = {
            f"{name}, p{percent}": (percentile(times, percent), "ms")
            for name, times in milliseconds.items()
            for percent in (50, 95)
            if times
        }
        return found | {"claim a ranking": (float(self.pages), "pages")}


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  (a benchmark's first argument)
    measures = []
    with scratch_concord():
        from benchmarks.desk.mixes import MIXES  # noqa: PLC0415  (needs Django set up)

        for mix in MIXES:
            if only in mix.name:
                times = {size: _measured(mix, size) for size in (QUICK_SIZES if quick else SIZES)}
                measures += _beside_the_smallest(mix.name, times)
    return measures


def _measured(mix: "Mix", tasks: int) -> Times:
    from benchmarks.desk.mixes import K, set_up  # noqa: PLC0415  (needs Django set up)
    from labeling.desk.demonstrating.services import submit_demonstration  # noqa: PLC0415
    from labeling.desk.ranking.services import Judgement, submit_ranking  # noqa: PLC0415
    from labeling.desk.services.assignments import claim_demonstration, claim_ranking  # noqa: PLC0415
    from labeling.models import Assignment  # noqa: PLC0415

    labeler = set_up(mix, tasks=tasks, theirs=WARM_UP + TIMES + 1)
    judgements = [Judgement(shown_position=at, rank=at, quality=8 - at) for at in range(1, K + 1)]
    times = Times()

    def claimed(claim: "Callable[..., Assignment | None]") -> tuple[str, float]:
        began = perf_counter()
        assignment = claim(labeler=labeler)
        took = perf_counter() - began
        _check(mix, labeler, assignment)
        return str(assignment and assignment.token), 1000 * took

    for number in range(WARM_UP + TIMES):
        token, claiming = claimed(claim_ranking)
        began = perf_counter()
        submit_ranking(labeler=labeler, token=token, judgements=judgements, active_seconds=42.5)
        submitting = 1000 * (perf_counter() - began)
        if number >= WARM_UP:
            times.ranking.append(claiming)
            times.submission.append(submitting)
    times.pages = pages_of_a_claim(labeler)
    for number in range(0 if mix.reserved else WARM_UP + TIMES):  # no prompt is reserved
        token, claiming = claimed(claim_demonstration)
        submit_demonstration(labeler=labeler, token=token, text=f"Answer {number}.", active_seconds=42.5)
        if number >= WARM_UP:
            times.demonstration.append(claiming)
    return times


def pages_of_a_claim(labeler: "Labeler") -> int:
    """Returns the pages that a claim reads, counted by PostgreSQL in a claim that is rolled back."""
    from django.db import connection, transaction  # noqa: PLC0415  (needs Django set up)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM concord_take_next_task(%s, '', now())", [labeler.pk]
        )
        plan = cursor.fetchone()[0][0]["Plan"]
        if plan["Actual Rows"] != 1:
            raise ValueError(f"{labeler} was given nothing, though work waits for them.")
        transaction.set_rollback(True)
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _check(mix: "Mix", labeler: "Labeler", assignment: object) -> None:
    from labeling.models import Assignment, Prompt  # noqa: PLC0415

    if not isinstance(assignment, Assignment):
        raise TypeError(f"With {mix.name}, {labeler} was given nothing, though work waits for them.")
    if Prompt.objects.get(pk=assignment.prompt_id).submitter.name != "theirs":
        raise ValueError(f"With {mix.name}, {labeler} was given prompt {assignment.prompt_id}, which comes later.")


def _beside_the_smallest(name: str, times: dict[int, Times]) -> list[Measure]:
    smallest = min(times)
    beside = times[smallest].by_name()
    return [
        Measure(
            name=f"{what}, {name}, {size:,} tasks",
            value=value,
            unit=unit,
            better="less",
            peer=f"{smallest:,} tasks",
            peer_value=beside[what][0],
        )
        for size in sorted(times)[1:]
        for what, (value, unit) in times[size].by_name().items()
    ]


if __name__ == "__main__":
    run(main)
