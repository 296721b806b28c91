"""Next task + submit ranking over HTTP: real gunicorn, real sessions, a labeler's own way through the pages.

    python -m benchmarks.http [--quick]

The server is `manage.py up`; the labelers are a process of their own on the same cores. One operation: a ranking page
arrives and a filled-in form is sent. As in a browser, the answer to a submission is the next page; “without scripts” it
is that page's address, which is one request more. The limit beside a rate is the same
claims and submissions as plain calls of the services: in one thread for one labeler, in as many as the web has for
sixteen. After each stage the database must agree with what the labelers were told, or there are no figures.
"""

from benchmarks.desk.outcome import Load, measures_of
from benchmarks.desk.web import running_web
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

WEB_THREADS = 8  # in all processes of `manage.py up` on two cores (config/gunicorn.py)


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    tasks, many, few = (300, 200, 60) if quick else (2000, 2000, 400)
    loads = [
        Load(name="1 client", labelers=1, operations=few),
        Load(name="16 clients", labelers=16, operations=many),
        Load(name="16 clients without scripts", labelers=16, operations=many, without_scripts=True),
    ]
    with scratch_concord() as directory:
        from benchmarks.desk import trial  # noqa: PLC0415  (needs Django set up)

        limits = {
            threads: trial.services_alone(threads=threads, operations=few, tasks=tasks) for threads in (1, WEB_THREADS)
        }
        with running_web(directory) as web:
            outcomes = {load: trial.over_http(load, web, tasks=tasks) for load in loads}
    alone = [
        Measure(name=f"services alone, {threads} threads", value=rate, unit="operations/s", better="more")
        for threads, rate in limits.items()
    ]
    over_http = [
        measures_of(load, outcome, limit=limits[min(load.labelers, WEB_THREADS)]) for load, outcome in outcomes.items()
    ]
    return [*alone, *(measure for measures in over_http for measure in measures)]


if __name__ == "__main__":
    run(main)
