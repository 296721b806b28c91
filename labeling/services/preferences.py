"""What labelers choose for themselves."""

from collections.abc import Sequence
from zoneinfo import available_timezones

from django.db import transaction

from labeling.models import Labeler
from labeling.refusals import LabelerRefused
from labeling.states import ContentWarning

BREAK_MINUTES_HIGHEST = 240


@transaction.atomic
def change_preferences(
    *, labeler: Labeler, time_zone: str, break_minutes: int, opt_outs: Sequence[ContentWarning]
) -> Labeler:
    """Where the days begin (empty: UTC), when a break is suggested (0: never), what is never offered.

    Work that is held already stays. Raises LabelerRefused.
    """
    if time_zone and time_zone not in available_timezones():
        raise LabelerRefused(f"“{time_zone}” is no time zone such as Asia/Shanghai.")
    if not 0 <= break_minutes <= BREAK_MINUTES_HIGHEST:
        raise LabelerRefused(f"A break can be suggested after 1 to {BREAK_MINUTES_HIGHEST} minutes, or 0 for never.")
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    labeler.time_zone, labeler.break_minutes = time_zone, break_minutes
    labeler.opt_outs = sorted(set(opt_outs))
    labeler.save(update_fields=["time_zone", "break_minutes", "opt_outs"])
    return labeler
