"""Eight labelers at a person's speed and the demo's model on this machine: does one of them ever wait for a task?

    python -m benchmarks.labelers [--quick]

All of `make demo` runs, from nothing: PostgreSQL, Redis, web, workers, clock, starter campaign, Gemma 3 270M. When the
first task is ready eight labelers come at once and rank in real time, by the services. What is sampled is what the
planner (planning/rules.py) asks for; at the end stands what it says this machine sustains.

Nobody has published how long a ranking takes. InstructGPT's Figure 12 shows a labeler's clock at 5:39 on the third page
of a batch: 113 s a page at the fastest, which is the median here, each ranking's own seconds spread about it. With
--quick two labelers take 15 s for a minute.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.desk.web import Web, running_web
from benchmarks.harness.command import run
from benchmarks.harness.machine import ROOT
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord
from sampler.demo_model import make_demo_model

if TYPE_CHECKING:
    from benchmarks.desk.shift import Shift
    from labeling.console.queries.pace import Sampling

MODEL = ROOT / "var" / "models" / "gemma-3-270m"
START_SECONDS = 300.0


class NothingReady(Exception):
    """No task became ready; the message says where the logs are."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`seconds`: of a ranking in the median. `lasts`: seconds in all."""

    labelers: int = 8
    seconds: float = 339 / 3
    lasts: float = 600.0


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    plan = Plan(labelers=2, seconds=15.0, lasts=60.0) if quick else Plan()
    make_demo_model(MODEL)
    os.environ["SFT_MODEL_PATH"] = str(MODEL)
    with scratch_concord() as directory, running_web(directory, arguments=(), model=str(MODEL)) as web:
        from benchmarks.desk.shift import people_for, work  # noqa: PLC0415  (needs Django set up)
        from labeling.console.queries.pace import paces, sampling_now  # noqa: PLC0415
        from labeling.console.queries.work import work_by_day  # noqa: PLC0415
        from labeling.models import Campaign, RankingTask  # noqa: PLC0415

        _wait_for(lambda: RankingTask.objects.filter(state="ready").exists(), web)
        people = people_for(Campaign.objects.get(state="active"), count=plan.labelers)
        shift = work(people, seconds=plan.seconds, lasts=plan.lasts)
        return measures(plan, shift, sampling_now(paces(work_by_day(8), to_plan=False)))


def measures(plan: Plan, shift: "Shift", sampling: "Sampling") -> list[Measure]:
    """Raises NothingReady where too little happened for figures."""
    warm = shift.warm
    if warm is None or sampling.verdict is None:
        raise NothingReady("Somebody had no ranking to hand in; var/benchmark-*/log said why.")
    verdict, who = sampling.verdict, f"{plan.labelers} labelers"
    empty = [each for each in shift.empty if each.until >= warm]
    waits = [each.until - each.since for each in empty]
    minutes = [(at, places * plan.seconds / 60 / plan.labelers) for at, places in shift.ready if at >= warm]
    done = sum(at > warm for each in shift.handed_in.values() for at in each)

    def measure(name: str, value: float, unit: str, better: str = "more") -> Measure:
        return Measure(name=f"{who}, {name}", value=value, unit=unit, better=better)  # type: ignore[arg-type]

    return [
        measure("an empty queue was met after warm-up", len(empty), "times", "less"),
        measure("longest wait for a task after warm-up", max(waits, default=0.0), "s", "less"),
        measure("warm-up, until everybody had handed in a ranking", warm / 60, "min", "less"),
        measure("rankings handed in after warm-up", 60 * done / (plan.lasts - warm), "rankings/min"),
        measure("work ready for all of them after warm-up, least", min(value for _at, value in minutes), "min"),
        measure("work ready for all of them, at the end", minutes[-1][1], "min"),
        measure("tasks that labelers use up, says the planner", verdict.used, "tasks/min"),
        measure("tasks that this machine sustains, says the planner", verdict.sustained, "tasks/min"),
        measure("labelers that this feeds, says the planner", verdict.labelers, "labelers"),
        measure("sampled while a worker was busy", sampling.tokens_per_second or 0.0, "tokens/s"),
    ]


def _wait_for(there: Callable[[], bool], web: Web) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not there():
        if time.monotonic() > deadline or not web.supervisor.is_running():
            raise NothingReady(f"No task was ready within {START_SECONDS:.0f} s.")
        time.sleep(0.5)


if __name__ == "__main__":
    run(main)
