"""Tables as CSV files that spreadsheets open as they are: UTF-8 with its mark, and no text is taken for a formula."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from django.http import StreamingHttpResponse

CSV_TYPE: Final = "text/csv; charset=utf-8"
Cell = str | int | float | Decimal | None
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text for a formula that begins so (OWASP, CSV injection)."""
NUMBER: Final = re.compile(r"[-+]?\d[\d,.\u202f\u00a0 ]*%?")
"""One with a sign is no formula."""


class _Line:
    """What csv.writer writes to: it hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def safe(cell: Cell) -> Cell:
    """A text as it is, with an apostrophe before it where a spreadsheet would take it for a formula."""
    is_formula = isinstance(cell, str) and cell.startswith(FORMULAS) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([safe(cell) for cell in row])


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> StreamingHttpResponse:
    """The table as a download, line by line."""
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type=CSV_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
