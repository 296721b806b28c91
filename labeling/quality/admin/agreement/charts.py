"""Agreement week by week, and labeler by labeler."""

from collections.abc import Iterable, Sequence
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from labeling.base.admin.charts import Estimate, LineChart, line_chart
from labeling.quality.admin.agreement.words import interval_of, percent
from labeling.quality.agreement.queries.figures import LabelerFigures, Part


def over_time(weeks: Sequence[Part]) -> LineChart | None:
    """The agreement of each week with its interval; None while there are fewer than two weeks with enough data."""
    known = [(date.fromisoformat(week.value), week.share) for week in weeks if week.share]
    if len(known) < 2:
        return None
    first = known[0][0]
    points = [((day - first).days / 7, share) for day, share in known]
    step = -(-len(points) // 6)
    return line_chart(
        {"model": [(x, share.value) for x, share in points]},
        x_max=points[-1][0],
        x_ticks=[
            (x, date_format(day, "j M")) for (x, _share), (day, _) in list(zip(points, known, strict=True))[::step]
        ],
        level=(0.5, _("by chance")),
        percent=True,
        estimates=[
            Estimate(
                x, share.value, (share.low, share.high), f"{date_format(day)}: {percent(share)} ({interval_of(share)})"
            )
            for (x, share), (day, _share) in zip(points, known, strict=True)
        ],
    )


def by_labeler(labelers: Iterable[LabelerFigures]) -> LineChart | None:
    """Everybody's pooled agreement with its interval, the lowest first."""
    known = sorted(((each.name, each.pooled) for each in labelers if each.pooled), key=lambda named: named[1].value)
    if len(known) < 2:
        return None
    step = -(-len(known) // 12)
    return line_chart(
        {"none": [(place, share.value) for place, (_name, share) in enumerate(known, start=1)]},
        x_min=0,
        x_max=len(known) + 1,
        x_ticks=[(place, str(place)) for place in range(1, len(known) + 1, step)],
        percent=True,
        estimates=[
            Estimate(place, share.value, (share.low, share.high), f"{name}: {percent(share)} ({interval_of(share)})")
            for place, (name, share) in enumerate(known, start=1)
        ],
    )
