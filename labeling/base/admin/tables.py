"""Tables of figures: shown on a page, and the same rows as a CSV file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from labeling.base.csv_tables import CSV_TYPE, csv_lines

ROWS_SHOWN = 30
"""Of a table beside others on one page; its CSV file has all."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """An interval with its middle, drawn on a scale of 0 to 100."""

    left: float
    middle: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`value`: what the CSV has in its place, where that is not the text. `note` stands under the text. `colour`: one
    of the theme's labels. `bad`: look here.
    """

    text: StrOrPromise
    value: float | int | str | None = None
    link: str = ""
    strong: bool = False
    colour: str = ""
    note: StrOrPromise = ""
    bad: bool = False

    @property
    def in_csv(self) -> float | int | str:
        return str(self.text) if self.value is None else self.value


@dataclass(frozen=True, kw_only=True)
class Row:
    cells: Sequence[Cell]
    bar: Bar | None = None


class MadeWhenRead(Sequence[Any]):
    """What `make` makes of each item, made whenever it is read: of 200 labelers a page shows ROWS_SHOWN."""

    def __init__(self, make: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self._make = make
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, at: Any) -> Any:
        return [self._make(item) for item in self._items[at]] if isinstance(at, slice) else self._make(self._items[at])


@dataclass(frozen=True, kw_only=True)
class Table:
    """`key`: its name in the address of its CSV; empty: it has none. `names`: the columns' names in that file; empty:
    their headings. `scale`: what the ends and the middle of the rows' bars stand for. `wordy`: its cells are texts and
    not figures. `note` is explained beside it; `empty` is said where it has no rows. `shown`: so many rows stand on the
    page, None: all.
    """

    key: str
    title: StrOrPromise
    columns: Sequence[StrOrPromise]
    rows: Sequence[Row]
    names: Sequence[str] = ()
    note: StrOrPromise = ""
    scale: tuple[str, str, str] | None = None
    wordy: bool = False
    empty: StrOrPromise = ""
    shown: int | None = None

    def labelled(self) -> list[tuple[Row, list[tuple[StrOrPromise, Cell]]]]:
        """The rows of the page, with each cell beside its column's name, which narrow pages show."""
        return [(row, list(zip(self.columns, row.cells, strict=True))) for row in self.rows[: self.shown]]

    def rest(self) -> int:
        """How many rows only the CSV file has."""
        return 0 if self.shown is None else max(0, len(self.rows) - self.shown)


def named_table(
    *,
    key: str,
    title: StrOrPromise,
    columns: Sequence[tuple[str, StrOrPromise]],
    rows: Sequence[Sequence[Cell]],
    note: StrOrPromise = "",
    empty: StrOrPromise = "",
) -> Table:
    """One of several tables of a page. `columns`: (name in CSV, heading)."""
    return Table(
        key=key,
        title=title,
        columns=[heading for _name, heading in columns],
        names=[name for name, _heading in columns],
        rows=MadeWhenRead(lambda cells: Row(cells=cells), rows),
        note=note,
        empty=empty,
        shown=ROWS_SHOWN,
    )


def number(value: int) -> Cell:
    return Cell(text=number_format(value, force_grouping=True), value=value)


def unknown(why: StrOrPromise) -> Cell:
    """A number that is not known is an empty cell in CSV, and its reason on the page."""
    return Cell(text=why, value="")


def percent(value: float | None, interval: tuple[float, float] | None = None) -> Cell:
    if value is None:
        return unknown(_("not enough data"))
    note = " – ".join(f"{bound:.1%}" for bound in interval) if interval else ""
    return Cell(text=f"{value:.1%}", value=round(value, 5), note=note)


def csv_of(table: Table) -> HttpResponse:
    """The table as a CSV file, with all its rows."""
    header = [str(name) for name in table.names or table.columns]
    lines = csv_lines(header, ([cell.in_csv for cell in row.cells] for row in table.rows))
    response = HttpResponse("".join(lines), content_type=CSV_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{table.key}.csv"'
    return response
