"""Suspending a labeler, with a decision on their past labels."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from labeling.desk.services.leases import suspend_labeler
from labeling.exports.services.exclusions import leave_out
from labeling.people.models import Labeler


@transaction.atomic
def suspend_and_decide(
    *,
    labeler: Labeler,
    held_work_for: timedelta,
    leave_labels_out: bool,
    since: datetime | None = None,
    reason: str = "",
    by: User | None = None,
) -> None:
    """Suspends, and leaves what they handed in (from `since` on) out of training where that is asked for. Both or none.

    Nothing is deleted. Raises IllegalMove, ExclusionRefused: it is left out already, or no reason is given.
    """
    # Rows before the lock of exports, as whoever hands something in takes them.
    suspend_labeler(labeler=labeler, held_work_for=held_work_for)
    if leave_labels_out:
        leave_out(target=labeler, reason=reason, by=by, since=since)
