"""Work at a given moment: for the tests of pay."""

from datetime import datetime
from uuid import uuid4

from labeling.models import Assignment, Campaign, Labeler, WorkingTime
from tests.labeling.cast import make_prompt, make_ready_task
from tests.labeling.handed_in import rank


def worked(labeler: Labeler, campaign: Campaign, *, at: datetime, minutes: float) -> None:
    """They were at work for so long in the quarter of an hour that begins then."""
    WorkingTime.objects.create(
        labeler=labeler, campaign=campaign, token=uuid4(), page="a", quarter=at, seconds=60 * minutes,
        counted=60 * minutes, reported_at=at,
    )  # fmt: skip


def ranked(labeler: Labeler, campaign: Campaign, *, at: datetime, minutes: float = 0, k: int = 4) -> Assignment:
    """They handed a ranking in at that moment, after so many minutes."""
    make_ready_task(make_prompt(campaign), k=k)
    assignment = rank(labeler, list(range(1, k + 1))).assignment
    WorkingTime.objects.filter(token=assignment.token).delete()
    Assignment.objects.filter(pk=assignment.pk).update(closed_at=at)
    if minutes:
        WorkingTime.objects.create(
            labeler=labeler, campaign=campaign, token=assignment.token, page="a",
            quarter=at.replace(minute=at.minute // 15 * 15, second=0), seconds=60 * minutes, counted=60 * minutes,
            reported_at=at,
        )  # fmt: skip
    return assignment
