"""What a table of the control room is: shown on the front page and a CSV file, from the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django_stubs_ext import StrPromise

ROWS_SHOWN = 30
"""Of a table on a page; its CSV file has all."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`text` is for people, `value` for a spreadsheet; `note` stands under the text. `bad`: look here."""

    text: str
    value: str | int | float | None = None
    link: str = ""
    note: str = ""
    bad: bool = False

    @property
    def in_csv(self) -> str | int | float | None:
        return self.text if self.value is None else self.value


@dataclass(frozen=True, kw_only=True)
class Table:
    """`columns`: (name in CSV, heading). `empty` is said where there are no rows."""

    name: str
    title: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]
    explained: str = ""
    empty: str = ""

    def labelled(self) -> list[list[tuple[Cell, str]]]:
        """The rows that a page shows: each cell with its heading, which stands before it on a phone."""
        headings = [heading for _name, heading in self.columns]
        return [list(zip(row, headings, strict=True)) for row in self.rows[:ROWS_SHOWN]]

    def rest(self) -> int:
        """How many rows only the CSV file has."""
        return max(0, len(self.rows) - ROWS_SHOWN)


def number(value: int) -> Cell:
    return Cell(text=number_format(value, force_grouping=True), value=value)


def unknown(why: StrPromise | str) -> Cell:
    """A number that is not known is an empty cell in CSV, and its reason on the page."""
    return Cell(text=str(why), value="")


def percent(value: float | None, interval: tuple[float, float] | None = None) -> Cell:
    if value is None:
        return unknown(_("not enough data"))
    note = " – ".join(f"{bound:.1%}" for bound in interval) if interval else ""
    return Cell(text=f"{value:.1%}", value=round(value, 5), note=note)
