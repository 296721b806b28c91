"""The two pictures of an evaluation, each estimate with its 95% interval. Pure."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from labeling.base.admin.charts import Estimate, LineChart, line_chart
from rm_trainer.evaluation.figures import BestOfN, CalibrationBin


def reliability(bins: Sequence[CalibrationBin]) -> LineChart | None:
    """The share right (up) beside the certainty (across); on the diagonal the model is as good as it thinks."""
    points = [(one["probability"], one["accuracy"]) for one in bins]
    if not points:
        return None
    return line_chart(
        {"ideal": [(0.5, 0.5), (1.0, 1.0)], "model": points},
        x_min=0.5,
        x_max=1,
        x_ticks=[(tenth / 10, f"{tenth * 10}%") for tenth in range(5, 11)],
        y_range=(0.4, 1),
        percent=True,
        estimates=[_bin(one) for one in bins],
    )


def _bin(one: CalibrationBin) -> Estimate:
    title = _("says %(probability)s, is right in %(accuracy)s of %(pairs)d comparisons") % {
        "probability": f"{one['probability']:.1%}",
        "accuracy": f"{one['accuracy']:.1%}",
        "pairs": one["pairs"],
    }
    return Estimate(one["probability"], one["accuracy"], bounds_of(one, "accuracy"), title)


def best_of_n(rows: Sequence[BestOfN]) -> LineChart | None:
    """How often the pick of n beats another completion; above it what the labelers themselves would have reached."""
    if len(rows) < 2:
        return None
    won = [(row, row["win_rate"]) for row in rows if row["win_rate"] is not None]
    return line_chart(
        {
            "labelers": [(float(row["n"]), row["labelers_win_rate"]) for row in rows],
            "model": [(float(row["n"]), rate) for row, rate in won],
        },
        x_min=1,
        x_max=rows[-1]["n"],
        x_ticks=[(float(row["n"]), str(row["n"])) for row in rows],
        level=(0.5, _("at random")),
        y_range=(0.5, 1),
        percent=True,
        estimates=[
            Estimate(row["n"], rate, bounds_of(row, "win_rate"), f"n = {row['n']}: {rate:.1%}") for row, rate in won
        ],
    )


def bounds_of(figures: Mapping[str, object], name: str) -> tuple[float, float] | None:
    """The 95% interval that the figure of this name has."""
    bounds = figures.get(f"{name}_interval")
    return (float(bounds[0]), float(bounds[1])) if isinstance(bounds, list) else None


def interval_in_words(bounds: tuple[float, float] | None, form: str) -> str:
    """An interval as people read it; one that doesn't exist says why."""
    return " – ".join(form.format(bound) for bound in bounds) if bounds else _("not enough data")
