"""The sign of life of a worker that does a run, whatever it does: exporting, waiting for the trainer, registering."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import DatabaseError, connection
from django.utils import timezone

from labeling.training.models import Run
from labeling.training.services.runs import active_runs

HEARTBEAT_SECONDS = 5.0


@contextmanager
def heartbeats(run: Run) -> Iterator[None]:
    """Inside it a thread of its own writes `heartbeat_at`, as long as nobody took the run over."""
    ended = Event()
    thread = Thread(target=_beat, args=(run, ended), name=f"heartbeat of run {run.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(run: Run, ended: Event) -> None:
    try:
        while not ended.wait(HEARTBEAT_SECONDS):
            try:
                mine = active_runs(type(run)).filter(pk=run.pk, claim=run.claim)
                mine.update(heartbeat_at=timezone.now())
            except DatabaseError:
                connection.close()  # PostgreSQL is being started again; the next beat connects anew
    finally:
        connection.close()
