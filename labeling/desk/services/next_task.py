"""The next piece of work of a labeler: found, locked, taken and leased in one call of a function of PostgreSQL.

Labelers wait for it between one ranking and the next. Planning the search takes longer than the search; a function's
plans are kept by each connection. They are in migration 0003, for functions belong to the tables that they read.
"""

from typing import Any

from django.utils import timezone

from labeling.base.fast_paths.work import take_next_prompt, take_next_task
from labeling.desk.models import Assignment
from labeling.people.models import Labeler


def claim_next_task(labeler: Labeler) -> Assignment | None:
    """A lease on the next task that the labeler may rank; None when there is none, when they hold one already, or
    when they are not active.

    Of its prompt and campaign it brings what the page shows; Django looks the rest up when it is asked for.
    """
    return _with_what_its_page_shows(labeler, take_next_task(labeler_id=labeler.pk, now=timezone.now()))


def claim_next_prompt(labeler: Labeler) -> Assignment | None:
    """The same for the next prompt that the labeler may write a demonstration for."""
    return _with_what_its_page_shows(labeler, take_next_prompt(labeler_id=labeler.pk, now=timezone.now()))


def _with_what_its_page_shows(labeler: Labeler, found: list[Any] | None) -> Assignment | None:
    if found is None:
        return None
    assignment: Assignment
    assignment, assignment.prompt, assignment.campaign = found
    assignment.prompt.campaign = assignment.campaign
    assignment.labeler = labeler
    return assignment
