"""The next piece of work of a labeler: found, locked, taken and leased in one call of a function of PostgreSQL.

Labelers wait for it between one ranking and the next. Planning the search takes longer than the search; a function's
plans are kept by each connection. They are in migration 0003, for functions belong to the tables that they read.
"""

import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.utils import timezone
from psycopg2.errorcodes import LOCK_NOT_AVAILABLE, OBJECT_IN_USE

from labeling.base.fast_paths.work import take_next_prompt, take_next_task
from labeling.base.refusals import WorkBusy
from labeling.desk.models import Assignment
from labeling.people.models import Labeler

PAUSES = (0.02, 0.1, 0.5)
"""Seconds before a claim is made anew that met another tab of the same labeler, which saves a draft."""


def claim_next_task(labeler: Labeler) -> Assignment | None:
    """A lease on the next task that the labeler may rank; None when there is none, when they hold one already, or
    when they are not active.

    Of its prompt and campaign it brings what the page shows; Django looks the rest up when it is asked for. Raises
    WorkBusy.
    """
    found = _taken(lambda: take_next_task(labeler_id=labeler.pk, now=timezone.now()))
    return _with_what_its_page_shows(labeler, found)


def claim_next_prompt(labeler: Labeler) -> Assignment | None:
    """The same for the next prompt that the labeler may write a demonstration for."""
    found = _taken(lambda: take_next_prompt(labeler_id=labeler.pk, now=timezone.now()))
    return _with_what_its_page_shows(labeler, found)


def _taken(take: Callable[[], list[Any] | None]) -> list[Any] | None:
    """What `take` finds. Raises WorkBusy where that is locked by others for longer than a labeler is to wait."""
    busy = WorkBusy("Others are taking all the work that waits. Ask again in a moment.")
    for pause in PAUSES:
        try:
            return take()
        except OperationalError as error:
            code = getattr(error.__cause__, "pgcode", None)
            if code == LOCK_NOT_AVAILABLE:
                raise busy from error
            if code != OBJECT_IN_USE:
                raise
        time.sleep(pause)
    raise busy


def _with_what_its_page_shows(labeler: Labeler, found: list[Any] | None) -> Assignment | None:
    if found is None:
        return None
    assignment: Assignment
    assignment, assignment.prompt, assignment.campaign = found
    assignment.prompt.campaign = assignment.campaign
    assignment.labeler = labeler
    return assignment
