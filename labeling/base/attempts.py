"""Work that kills its workers is found out by counting, and ended visibly instead of being delivered for ever.

A worker that is killed (out of memory, a fault of the GPU) can't say so, and its message comes back. So each attempt is
written down before it begins and crossed out when it ends in good order; what is left over of workers that are gone
are the deaths.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import models
from django.utils import timezone

from labeling.base.worker_locks import of_dead_workers, worker_lock, worker_name

log = logging.getLogger(__name__)

MOST_DEATHS = 3
FORGOTTEN_AFTER = timedelta(days=1)
"""Deaths further apart than this have hardly the same cause."""


class UnfinishedAttempt(models.Model):
    """One attempt of a worker at one row; left over where the worker was killed at it."""

    task = models.CharField(max_length=200, help_text="What is done: the Celery task, by its name.")
    row = models.BigIntegerField(help_text="The id of the row that it is about.")
    worker = models.CharField(max_length=200, blank=True)
    worker_lock = models.BigIntegerField(db_default=0, help_text="Held by the worker as long as it lives.")
    began_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["task", "row"], name="unfinished_attempt_by_row")]

    def __str__(self) -> str:
        return f"{self.task} of {self.row}"


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """How often workers may die at a row of one Celery task, and what becomes of it then."""

    task: str
    give_up: Callable[[int, str], object]
    """Ends the row visibly, with the reason, if it still waits."""

    def work_at(self, rows: Sequence[int], work: Callable[[list[int]], object]) -> None:
        """Calls `work` with all rows at which no worker died, then with each of the others alone.

        So of a batch only the row that kills is given up, after MOST_DEATHS. What `work` raises is raised.
        """
        with worker_lock() as lock:
            for batch in self._batches(rows):
                self._try(batch, work, lock)

    def _try(self, batch: list[int], work: Callable[[list[int]], object], lock: int) -> None:
        worker = worker_name()
        begun = UnfinishedAttempt.objects.bulk_create(
            UnfinishedAttempt(task=self.task, row=row, worker=worker, worker_lock=lock) for row in batch
        )
        try:
            work(batch)
        except BaseException:
            UnfinishedAttempt.objects.filter(pk__in=[each.pk for each in begun]).delete()
            raise
        self._of(batch).delete()

    def forget(self, row: int) -> None:
        """The row is begun anew by somebody: deaths before that don't count."""
        self._of([row]).delete()

    def _batches(self, rows: Sequence[int]) -> list[list[int]]:
        deaths = Counter(of_dead_workers(self._of(rows)).values_list("row", flat=True))
        for row, count in deaths.items():
            if count >= MOST_DEATHS:
                reason = f"{count} workers died at it (killed, or out of memory). It is not tried again."
                log.error("%s of %d: %s", self.task, row, reason)
                self.give_up(row, reason)
                self.forget(row)
        unsuspected = [row for row in rows if not deaths[row]]
        alone = [[row] for row in rows if 0 < deaths[row] < MOST_DEATHS]
        return [unsuspected, *alone] if unsuspected else alone

    def _of(self, rows: Sequence[int]) -> "models.QuerySet[UnfinishedAttempt]":
        return UnfinishedAttempt.objects.filter(task=self.task, row__in=rows)


def forget_old_attempts() -> None:
    UnfinishedAttempt.objects.filter(began_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()


def forget_attempts_of(worker: str) -> None:
    """The worker is stopped in the middle of its work by whoever runs it: that is no fault of the work."""
    UnfinishedAttempt.objects.filter(worker=worker).delete()
