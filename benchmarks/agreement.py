"""What agreement between labelers costs a hand-in, and all of it counted anew.

    python -m benchmarks.agreement [--quick]

Every task is ranked by three labelers (benchmarks/export.py). A hand-in's part is `count_agreement`, in a transaction
as there: by the clock, and the processor time of this process and of its PostgreSQL backend. Submissions on tasks that
nobody shares, most of them, are measured with and without it. A rebuild is timed on all tasks; its memory is what the
process grows by meanwhile, beside that of a rebuild of a quarter of them: the same, or it would grow with the database.
Both must leave the same rows, or there are no figures.
"""

import random
import time
from pathlib import Path
from time import perf_counter

import psutil

from benchmarks.desk.outcome import percentile
from benchmarks.export import rank_all
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

LABELERS = 3
TIMES = 300


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    tasks = 400 if quick else 20_000
    with scratch_concord():
        from benchmarks.desk.stage import analyze, set_stage  # noqa: PLC0415  (needs Django set up)

        set_stage(tasks=tasks, labelers=LABELERS)
        rank_all()
        analyze()
        quarter = _rebuilt(tasks // 4)
        whole = _rebuilt(tasks)
        clock, processor = _on_shared_tasks()
        with_it, without = _submissions_alone()
    return [
        *(
            Measure(
                name=f"counted in a shared task, {name}", value=percentile(times, percent), unit="ms", better="less"
            )
            for name, times, percent in (
                ("p50", clock, 50),
                ("p95", clock, 95),
                ("processor time, p50", processor, 50),
                ("processor time, p95", processor, 95),
            )
        ),
        *(
            Measure(
                name=f"submit a ranking of a task of one labeler, p{percent}",
                value=percentile(with_it, percent),
                unit="ms",
                better="less",
                peer="without counting",
                peer_value=percentile(without, percent),
            )
            for percent in (50, 95)
        ),
        Measure(name=f"rebuild of {tasks:,} shared tasks", value=tasks / whole[0], unit="tasks/s", better="more"),
        Measure(
            name=f"rebuild of {tasks:,} shared tasks, memory",
            value=whole[1],
            unit="MB",
            better="less",
            peer=f"{tasks // 4:,} tasks",
            peer_value=quarter[1],
        ),
    ]


def _rebuilt(tasks: int) -> tuple[float, float]:
    """(seconds, megabytes that the process grew by) of a rebuild while so many tasks are shared."""
    from django.db import connection  # noqa: PLC0415  (needs Django set up)

    from labeling.models import RankingAgreement, RankingTask  # noqa: PLC0415
    from labeling.quality.agreement.services.counting import rebuild_agreement  # noqa: PLC0415

    last = RankingTask.objects.order_by("pk").values_list("pk", flat=True)[tasks - 1]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE labeling_rankingtask SET rankings_needed = 3, rankings_open = 0, rankings_done = 3, state = 'done' "
            "WHERE id <= %s AND rankings_done = 0",
            [last],
        )
    process = psutil.Process()
    before, most = process.memory_info().rss, 0
    began = perf_counter()
    for _done in rebuild_agreement():
        most = max(most, process.memory_info().rss)
    seconds = perf_counter() - began
    # Three pairs in both directions, and each against the consensus of the others.
    if RankingAgreement.objects.count() != 9 * tasks:
        raise RuntimeError(f"{9 * tasks} rows were to be counted; there are {RankingAgreement.objects.count()}.")
    return seconds, (most - before) / 1e6


def _on_shared_tasks() -> tuple[list[float], list[float]]:
    """Milliseconds, by the clock and of the processor, of the part of hand-ins on shared tasks.

    A ranking that is there is counted once more.
    """
    from django.db import connection, transaction  # noqa: PLC0415  (needs Django set up)

    from labeling.models import Ranking, RankingAgreement  # noqa: PLC0415
    from labeling.quality.agreement.services.counting import count_agreement  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def processor_seconds() -> float:
        return time.process_time() + int(backend.read_text().split()[0]) / 1e9

    handed_in = Ranking.objects.select_related("assignment__campaign", "task").order_by("pk")  # as hand-ins have them
    rankings = list(handed_in[: 20 * TIMES])
    random.Random(1).shuffle(rankings)
    rows = RankingAgreement.objects.count()
    clock: list[float] = []
    processor: list[float] = []
    for ranking in rankings[:TIMES]:
        with transaction.atomic():
            began, worked = perf_counter(), processor_seconds()
            count_agreement(ranking)
            clock.append(1000 * (perf_counter() - began))
            processor.append(1000 * (processor_seconds() - worked))
    if RankingAgreement.objects.count() != rows:
        raise RuntimeError("Counting a hand-in again left other rows than a rebuild.")
    return clock, processor


def _submissions_alone() -> tuple[list[float], list[float]]:
    """Milliseconds of submissions on tasks of one labeler: as they are, and without counting agreement, by turns."""
    from benchmarks.desk.stage import set_stage  # noqa: PLC0415  (needs Django set up)
    from labeling.desk.ranking import services  # noqa: PLC0415
    from labeling.desk.services.assignments import claim_ranking  # noqa: PLC0415

    stage = set_stage(tasks=2 * TIMES, labelers=1)
    hooks = list(services.WHEN_HANDED_IN)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * TIMES):
        assignment = claim_ranking(labeler=stage.labelers[0])
        if assignment is None:
            raise RuntimeError("The labeler was given nothing, though work waits for them.")
        places = range(1, len(assignment.shown_order) + 1)
        judgements = [services.Judgement(shown_position=place, rank=place, quality=4) for place in places]
        services.WHEN_HANDED_IN[:] = [] if number % 2 else hooks
        began = perf_counter()
        services.submit_ranking(
            labeler=stage.labelers[0], token=str(assignment.token), judgements=judgements, active_seconds=42.5
        )
        times[number % 2].append(1000 * (perf_counter() - began))
    services.WHEN_HANDED_IN[:] = hooks
    return times


if __name__ == "__main__":
    run(main)
