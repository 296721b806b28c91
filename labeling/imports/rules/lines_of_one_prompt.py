"""Lines that hold one answer each, put together by their prompt, wherever in the file they stand. Pure.

They wait in a temporary file of SQLite's, so that memory does not grow with the file, and come out when it is read.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.formats.recognised import OwnRecord

MOST_LINES_TOGETHER = 100
"""Far more than the answers that a comparison or a task may have."""
PROMPT = ("messages", "prompt", "instruction", "input")
"""The own fields that make a prompt."""

_TABLE = """
PRAGMA journal_mode = OFF;
CREATE TABLE line (number INTEGER PRIMARY KEY, prompt BLOB NOT NULL, content TEXT NOT NULL);
CREATE INDEX line_of_prompt ON line (prompt, number);
"""


@dataclass(frozen=True, kw_only=True)
class Together:
    """Lines of one prompt in the order of the file: `count` of them, of which `lines` are the first."""

    count: int
    lines: list[tuple[FileRecord, OwnRecord]]


class LinesOfOnePrompt:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(_TABLE)
        self.count = 0

    def add(self, record: FileRecord, own: OwnRecord) -> None:
        """Raises RecursionError where a field is nested too deeply."""
        prompt = json.dumps([own.format, *(own.fields.get(name) for name in PROMPT)], sort_keys=True)
        columns = {name: record.column_of(name) for name in record.fields}
        content = json.dumps([record.line, record.last_line, columns, own.format, own.fields])
        key = hashlib.sha256(prompt.encode()).digest()
        self._connection.execute("INSERT INTO line (prompt, content) VALUES (?, ?)", [key, content])
        self.count += 1

    def taken_out(self) -> Iterator[Together]:
        """The lines of each prompt, by the first of them."""
        prompts = "SELECT prompt, count(*) FROM line GROUP BY prompt ORDER BY min(number)"
        of_prompt = "SELECT content FROM line WHERE prompt = ? ORDER BY number LIMIT ?"
        for key, count in self._connection.execute(prompts):
            found = self._connection.execute(of_prompt, [key, MOST_LINES_TOGETHER]).fetchall()
            self.count -= count
            yield Together(count=count, lines=[_line(content) for (content,) in found])


def _line(content: str) -> tuple[FileRecord, OwnRecord]:
    line, last_line, columns, format_name, fields = json.loads(content)
    record = FileRecord(
        line=line, last_line=last_line, fields={}, column_of=lambda field: columns.get(field, 1) if field else 1
    )
    return record, OwnRecord(fields=fields, format=format_name, one_answer=True)


@contextmanager
def lines_of_one_prompt() -> Iterator[LinesOfOnePrompt]:
    with closing(sqlite3.connect("")) as connection:  # a file without a name, which goes with the connection
        yield LinesOfOnePrompt(connection)
