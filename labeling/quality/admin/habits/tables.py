"""The tables of the page of everybody's habits, which are also its CSV files."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from labeling.base.admin.tables import Bar, Cell, Row, Table
from labeling.quality.admin.habits.marks import HABITS, why
from labeling.quality.bias.models import LabelerHabits, ShareFigure

SCALE = ("0%", "50%", "100%")


def _link(habits: LabelerHabits) -> Cell:
    return Cell(text=str(habits.labeler), link=reverse("admin:labeling_labelerhabits_change", args=[habits.labeler_id]))


def marked_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="marked",
        wordy=True,
        empty=_("Nobody is marked."),
        title=_("Marked"),
        columns=[_("Labeler"), _("Habit"), _("What was seen"), _("Tasks"), _("By chance"), _("Since")],
        rows=[
            Row(
                cells=[
                    _link(row),
                    Cell(text=HABITS[finding["habit"]], value=finding["habit"], colour="warning"),
                    Cell(text=why(finding), value=finding["value"]),
                    Cell(text=f"{finding['tasks']:,}", value=finding["tasks"]),
                    Cell(text=f"{finding['chance']:.1g}", value=finding["chance"]),
                    Cell(text=date_format(row.outlier_since) if row.outlier_since else "–"),
                ]
            )
            for row in rows
            for finding in row.findings
            if finding["is_outlier"]
        ],
    )


def place_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="place",
        title=_("By the place where it is shown"),
        columns=[_("Labeler"), _("Rankings"), _("First shown is best"), _("95% interval"), _("By chance")],
        rows=[
            Row(
                cells=[
                    _link(row),
                    Cell(text=f"{row.rankings:,}", value=row.rankings),
                    *_share_cells(row.first_is_best),
                    Cell(text=f"{row.first_by_chance:.1%}" if row.first_by_chance else "–", value=row.first_by_chance),
                ],
                bar=_bar(row.first_is_best),
            )
            for row in rows
        ],
        note=_(
            "How often the completion that was shown first is ranked first; where several are, each counts in part. "
            "The order shown is drawn for each ranking, so that by chance it is one over the number of completions."
        ),
        scale=SCALE,
    )


def length_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="length",
        title=_("By length"),
        columns=[
            _("Labeler"), _("Longer is better"), _("95% interval"), _("Agreement"), _("With lengths balanced"),
        ],
        rows=[
            Row(
                cells=[
                    _link(row),
                    *_share_cells(row.longer_wins),
                    Cell(text=percent(row.agreement), value=row.agreement["value"] if row.agreement else None),
                    Cell(
                        text=_of(row.agreement_lengths_balanced, "{:.1%}"), value=row.agreement_lengths_balanced
                    ),
                ],
                bar=_bar(row.longer_wins),
            )
            for row in rows
        ],
        note=_(
            "Longer answers are often better, for everybody. With lengths balanced, agreement counts alike where "
            "others prefer the longer and where they prefer the shorter one: by length alone, it is 50% there."
        ),
        scale=SCALE,
    )  # fmt: skip


def pace_table(rows: Iterable[LabelerHabits]) -> Table:
    return Table(
        key="pace",
        title=_("Time"),
        columns=[_("Labeler"), _("Over what is usual"), _("Lately, over their own before")],
        rows=[
            Row(
                cells=[
                    _link(row),
                    Cell(text=times(row.pace), value=row.pace),
                    Cell(text=times(row.pace_lately), value=row.pace_lately),
                ]
            )
            for row in rows
        ],
        note=_("Usual is the median of the campaign for the same number of completions."),
    )


def ties_table(habits: LabelerHabits) -> Table:
    return Table(
        key="",
        title=_("Ties by place"),
        columns=[_("Place"), _("Tied pairs")],
        rows=[
            Row(cells=[Cell(text=str(place)), Cell(text=f"{rate:.1%}", value=rate)])
            for place, rate in enumerate(habits.ties_by_place, start=1)
            if rate is not None
        ],
        note=_("Of the pairs with what was shown at that place, the share that is tied."),
    )


def _share_cells(share: ShareFigure | None) -> list[Cell]:
    return [
        Cell(text=percent(share), value=share["value"] if share else None, strong=share is not None),
        Cell(text=f"{share['low']:.1%} – {share['high']:.1%}" if share else ""),
    ]


def percent(share: ShareFigure | None) -> str:
    return f"{share['value']:.1%}" if share else _("not enough data")


def _of(value: float | None, form: str) -> str:
    return form.format(value) if value is not None else _("not enough data")


def times(value: float | None) -> str:
    return f"× {value:.2f}" if value is not None else _("not enough data")


def _bar(share: ShareFigure | None) -> Bar | None:
    if share is None:
        return None
    low, value, high = (round(100 * share[name], 1) for name in ("low", "value", "high"))
    return Bar(left=low, middle=value, width=round(high - low, 1))
