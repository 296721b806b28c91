"""Tables of figures: shown on a page, and the same as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django_stubs_ext import StrOrPromise

from labeling.base.csv_tables import FORMULAS


@dataclass(frozen=True, kw_only=True)
class Bar:
    """An interval with its middle, drawn on a scale of 0 to 100."""

    left: float
    middle: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`value`: what the CSV has in its place, where that is not the text. `colour`: one of the theme's labels."""

    text: StrOrPromise
    value: float | int | str | None = None
    link: str = ""
    strong: bool = False
    colour: str = ""
    note: StrOrPromise = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    cells: Sequence[Cell]
    bar: Bar | None = None

    @property
    def first(self) -> Cell:
        return self.cells[0]


@dataclass(frozen=True, kw_only=True)
class Table:
    """`key`: its name in the address of its CSV; empty: it has none. `scale`: what the ends and the middle of the rows'
    bars stand for. `wordy`: its cells are texts and not figures. `empty`: what is said where it has no rows."""

    key: str
    title: StrOrPromise
    columns: Sequence[StrOrPromise]
    rows: Sequence[Row]
    note: StrOrPromise = ""
    scale: tuple[str, str, str] | None = None
    wordy: bool = False
    empty: StrOrPromise = ""

    def labelled(self) -> list[tuple[Row, list[tuple[StrOrPromise, Cell]]]]:
        """Each row with its cells but the first, under their columns' names, which narrow pages show beside them."""
        return [(row, list(zip(self.columns[1:], row.cells[1:], strict=True))) for row in self.rows]


def csv_of(table: Table) -> HttpResponse:
    """The table as a CSV file, in UTF-8 with the mark by which spreadsheets know it."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([str(each) for each in table.columns])
    writer.writerows([_harmless(each) for each in row.cells] for row in table.rows)
    response = HttpResponse("\ufeff" + written.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{table.key}.csv"'
    return response


def _harmless(each: Cell) -> str | float | int:
    if isinstance(each.value, (int, float)):
        return each.value
    text = str(each.text if each.value is None else each.value)
    return f"'{text}" if text.startswith(FORMULAS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip("%"))
    except ValueError:
        return False
    return True
