"""One stage of the desk's benchmark from its rows to its proof.

Imports models, so it is imported only where Django is set up (benchmarks/harness/scratch.py).
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from benchmarks.desk import stage
from benchmarks.desk.clients import READY, Plan
from benchmarks.desk.outcome import Load, Outcome
from benchmarks.desk.web import Web, cpu_seconds
from benchmarks.harness.machine import ROOT

LONGEST_SECONDS = 240.0


def services_alone(*, threads: int, operations: int, tasks: int) -> float:
    """Operations a second of claiming and submitting without HTTP, a labeler for each thread."""
    print(f"  the services alone, threads: {threads} …", flush=True)
    set_up = stage.set_stage(tasks=tasks, labelers=threads)
    stage.analyze()
    rate = stage.without_http(set_up, operations=operations)
    set_up.close()
    return rate


def over_http(load: Load, web: Web, *, tasks: int) -> Outcome:
    """Raises WentWrong when the database disagrees with what the labelers were told."""
    print(f"  {load.name}: {load.operations:,} operations on {tasks:,} ready tasks of K={stage.K} …", flush=True)
    set_up = stage.set_stage(tasks=tasks, labelers=load.labelers)
    stage.analyze()
    plan = Plan(
        port=web.port,
        accounts=set_up.accounts(),
        password=stage.PASSWORD,
        operations=load.operations,
        seconds=LONGEST_SECONDS,
        without_scripts=load.without_scripts,
    )
    with _clients(plan) as clients:
        # Only now: logging in hashes passwords, which is slow on purpose and no part of an operation.
        web_before, postgres_before = web.cpu_seconds(), cpu_seconds(stage.postgres_processes())
        said = _answer(clients, "go")
        outcome = Outcome(
            **json.loads(said),
            web_cpu=web.cpu_seconds() - web_before,
            postgres_cpu=cpu_seconds(stage.postgres_processes()) - postgres_before,
        )
    for error in dict.fromkeys(outcome.errors):
        print(f"  error: {error}", flush=True)
    stage.check(set_up, outcome.tokens())
    set_up.close()
    return outcome


@contextmanager
def _clients(plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """Logged in and waiting; ended with the block, whatever happens in it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.desk.clients"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if _answer(process, json.dumps(asdict(plan))).strip() != READY:
            raise stage.WentWrong("The clients could not log in; what they met is above.")
        yield process
    finally:
        process.kill()
        process.wait()


def _answer(process: subprocess.Popen[str], line: str) -> str:
    """Says one line and reads one. The process bounds its own time (Plan.seconds, TIMEOUT_SECONDS)."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline()
