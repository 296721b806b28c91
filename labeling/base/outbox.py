"""Work that workers are asked to do: rows in PostgreSQL first, messages in Redis second. The only place that enqueues.

A message carries ids and only hints that there is work. Redis may be down: then nothing is raised, the rows wait, and
the next beat (or the next call) sends them. A worker may die: what was sent and still waits after a while is sent anew.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

PEOPLE_WAIT = "suggestions"
"""The queue that workers look into first: somebody sits before the screen (config/celery.py)."""


IN_FLIGHT_FOR = timedelta(minutes=5)
"""What was sent so long ago and still waits is late, or its message is lost (Redis was flushed): it keeps no other from
being sent."""


@dataclass(frozen=True, kw_only=True)
class GivingUp:
    """When rows that nobody worked at are ended. `end` gets the row's id and the time that it waited at the most, and
    says whether the row still waited."""

    after: Callable[[], timedelta]
    since: str
    """The column with the time from which it waits."""
    end: Callable[[int, timedelta], bool]


@dataclass(frozen=True, kw_only=True)
class Outbox:
    """The rows of a table that wait for a worker. The table has a column `dispatched_at`."""

    model: type[models.Model]
    waiting: Q
    """Which rows of the table wait."""
    task: str
    """The name of the Celery task."""
    send_again_after: timedelta
    """A row that was sent and still waits after this long is sent again: its message was lost, or its worker died."""
    order_by: str = "pk"
    takes_turns: str | None = None
    """A column whose values take turns, so that many rows of one don't keep those of another waiting."""
    comes_first: Callable[[], Mapping[Any, int]] | None = None
    """Of `takes_turns`: how far before the others each value goes; 0 where it names none. Equal ones take turns."""
    in_flight: Callable[[], int] | None = None
    """How many rows may be with workers at once; None: as many as there are. The others wait here, where what is more
    urgent can still come before them."""
    at_once: int = 1000
    """Rows of one round at the most."""
    rows_a_message: Callable[[], int] | None = None
    """Messages carry lists of so many ids; None: each carries one id."""
    queue: str | None = None
    """None: the queue to which the task is routed (config/celery.py)."""
    giving_up: GivingUp | None = None

    def send(self) -> int:
        """Asks workers for every row that waits and was not sent (or not lately). Returns how many were sent."""
        ids = self.take()
        size = self.rows_a_message() if self.rows_a_message else 1
        for start in range(0, len(ids), size):
            batch = ids[start : start + size]
            if not _send(self.task, batch if self.rows_a_message else batch[0], queue=self.queue):
                self.put_back(ids[start:])
                return start
        return len(ids)

    @transaction.atomic
    def take(self, *, now: datetime | None = None, at_most: int | None = None) -> list[int]:
        """The ids of the rows to send, marked as sent. Two callers at once get none twice.

        `at_most`: a worker takes so many for itself, whatever is with others.
        """
        now = now or timezone.now()
        unsent = Q(dispatched_at=None) | Q(dispatched_at__lt=now - self.send_again_after)
        rows = self._rows().select_for_update(skip_locked=True, no_key=True).filter(unsent)
        found = list(rows.order_by(self.order_by).values_list("pk", self.takes_turns or "pk")[: self.at_once])
        ids = in_turns(found) if self.takes_turns else [pk for pk, _pk in found]
        if self.comes_first is not None:
            places, owners = self.comes_first(), dict(found)
            ids.sort(key=lambda pk: -places.get(owners[pk], 0))
        if at_most is not None:
            ids = ids[:at_most]
        elif self.in_flight is not None:
            sent = self._rows().filter(dispatched_at__gte=now - IN_FLIGHT_FOR).count()
            ids = ids[: max(0, self.in_flight() - sent)]
        self.model._base_manager.filter(pk__in=ids).update(dispatched_at=now)  # noqa: SLF001
        return ids

    def put_back(self, ids: Sequence[int]) -> None:
        """No worker has them after all: they wait for the next round."""
        self._rows().filter(pk__in=ids).update(dispatched_at=None)

    def give_up_late(self, *, now: datetime | None = None) -> int:
        """Ends visibly what waited for too long. Returns how many rows."""
        if self.giving_up is None:
            return 0
        after = self.giving_up.after()
        late = self._rows().filter(**{f"{self.giving_up.since}__lt": (now or timezone.now()) - after})
        return sum(self.giving_up.end(pk, after) for pk in late.values_list("pk", flat=True))

    def give_up_if_late(self, row: models.Model) -> None:
        """The same for one row when somebody looks at it, and reads it anew: people must not wait for beat."""
        if self.giving_up is None:
            return
        after = self.giving_up.after()
        if timezone.now() - getattr(row, self.giving_up.since) <= after:
            return
        if self._rows().filter(pk=row.pk).exists() and self.giving_up.end(row.pk, after):
            row.refresh_from_db()

    def _rows(self) -> models.QuerySet[Any]:
        return self.model._base_manager.filter(self.waiting)  # noqa: SLF001  (Django's own name for it)


def in_turns(rows: Iterable[tuple[int, object]]) -> list[int]:
    """The ids of (id, owner), one of each owner after the other, in their order for each.

    >>> in_turns([(1, "a"), (2, "a"), (3, "a"), (4, "b")])
    [1, 4, 2, 3]
    """
    seen: Counter[object] = Counter()
    placed = []
    for pk, owner in rows:
        placed.append((seen[owner], pk))
        seen[owner] += 1
    return [pk for _turn, pk in sorted(placed, key=lambda each: each[0])]


def _send(name: str, argument: int | Sequence[int], *, queue: str | None = None) -> bool:
    try:
        current_app.send_task(name, args=[argument], retry=False, queue=queue)
    except (OperationalError, OSError) as unreachable:
        log.warning("Redis can't be reached, %s waits for the next round: %s", name, unreachable)
        return False
    return True
