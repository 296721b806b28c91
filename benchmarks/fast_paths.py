"""What each piece of hand-made speed saves: processor time from a submission to the next page, with it and without.

    python -m benchmarks.fast_paths [--quick]

One process and one connection, so that neighbours on the machine count little. In each round every piece in turn is
replaced by what plain Django does in its place (benchmarks/desk/plain_django.py), for some operations, and for as many
nothing is. The time is the processor's: of this process and of its PostgreSQL backend.
"""

import gc
import random
import statistics
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from benchmarks.desk.clients import ranking_of
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

if TYPE_CHECKING:  # needs Django set up
    from labeling.models import Labeler

AS_IT_IS = "as it is"
AT_ONCE = 4
"""Operations with one piece replaced, after one that is not counted."""
WARM_UP = 50


def main(quick: bool) -> Sequence[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    rounds = 4 if quick else 30
    with scratch_concord():
        from django.core.management import call_command  # noqa: PLC0415  (needs Django set up)

        from benchmarks.desk import stage  # noqa: PLC0415
        from benchmarks.desk.plain_django import PIECES  # noqa: PLC0415

        call_command("collectstatic", interactive=False, verbosity=0)
        variants = {AS_IT_IS: nullcontext, **PIECES}
        tasks = WARM_UP + 1 + rounds * (len(variants) * (AT_ONCE + 1) + 1)
        set_up = stage.set_stage(tasks=tasks, labelers=rounds + 1)
        stage.analyze()
        first, *others = [Browser(labeler, stage.PASSWORD) for labeler in set_up.labelers]
        for _ in range(WARM_UP):
            first.submit()
        gc.freeze()  # as the web's workers do
        times: dict[str, list[float]] = {name: [] for name in variants}
        for browser in others:
            for name in random.sample(list(variants), len(variants)):
                with variants[name]():
                    browser.submit()
                    times[name].append(statistics.mean(browser.submit() for _ in range(AT_ONCE)))
    return _measures(times)


def _measures(times: dict[str, list[float]]) -> list[Measure]:
    """Medians, over the rounds, of what each piece saves beside the same labeler's operations with all pieces."""
    operation = statistics.median(times[AS_IT_IS])
    measures = [Measure(name=f"an operation, {AS_IT_IS}", value=operation, unit="ms", better="less")]
    for name in list(times)[1:]:
        saved = [without - with_it for without, with_it in zip(times[name], times[AS_IT_IS], strict=True)]
        low, _, high = statistics.quantiles(saved, n=4)
        print(f"  {name}: half of the rounds from {low:+.2f} to {high:+.2f} ms", flush=True)
        measures.append(Measure(name=f"saved by: {name}", value=statistics.median(saved), unit="ms", better="more"))
    return measures


class Browser:
    """A labeler with a ranking in hand, in this process."""

    def __init__(self, labeler: "Labeler", password: str) -> None:
        from django.db import connection  # noqa: PLC0415  (needs Django set up)
        from django.test import Client  # noqa: PLC0415

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.backend = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
        self.client = Client(SERVER_NAME="localhost")
        self.client.login(username=labeler.user.get_username(), password=password)
        self.address = self.client.post("/next/ranking/")["Location"]
        self.page = self.client.get(self.address).content

    def submit(self) -> float:
        """Hands the ranking in and reads the next page; returns milliseconds of processor time."""
        sent = urlencode(ranking_of(self.page))
        began = self._processor_seconds()
        answer = self.client.post(
            f"{self.address}submit/?next=here", sent, content_type="application/x-www-form-urlencoded"
        )
        took = self._processor_seconds() - began
        if answer.status_code != 200:
            raise RuntimeError(f"{self.address} was answered with {answer.status_code}.")
        self.address, self.page = answer["Content-Location"], answer.content
        return 1000 * took

    def _processor_seconds(self) -> float:
        return time.process_time() + int(self.backend.read_text().split()[0]) / 1e9


if __name__ == "__main__":
    run(main)
