"""CSV, TSV and what Excel makes of them: no open quotation mark swallows lines without a word."""

import time

import pytest

from labeling.imports.rules import table_records
from labeling.imports.rules.rows import RefusedRow, Row
from tests.labeling.imports.test_reading import read


def prompts_of(rows: list[Row | RefusedRow]) -> list[str]:
    return [row.messages[0]["content"] for row in rows if isinstance(row, Row)]


def refusals_of(rows: list[Row | RefusedRow]) -> list[RefusedRow]:
    return [row for row in rows if isinstance(row, RefusedRow)]


class TestTsv:
    def test_a_quotation_mark_is_a_character_like_any_other(self) -> None:
        lines = ["prompt\tsubmitter", *(f"What is {n} plus {n}?\tu{n}" for n in range(998))]
        lines.insert(3, '"Thanks, he said. How should I answer?\tu')
        lines.append('"To be" or not to be\tann')

        rows = read("\n".join(lines) + "\n", "prompts.tsv")

        assert not refusals_of(rows)
        assert len(rows) == 1000
        assert prompts_of(rows)[2] == '"Thanks, he said. How should I answer?'
        assert prompts_of(rows)[-1] == '"To be" or not to be'


class TestCsv:
    def test_an_open_quotation_mark_refuses_its_line_and_says_how_far_it_reached(self) -> None:
        rows = read('prompt,submitter\n"Why?,ann\nWhere is Bonn?,bob\nWho wrote Emma?,cat\n', "prompts.csv")

        (refused,) = refusals_of(rows)
        assert (refused.line, refused.column) == (2, 1)
        assert (
            "the quotation mark that opens field 1 is never closed (lines 2 to 4 would be one record)" in refused.reason
        )
        assert "Reading goes on at line 3" in refused.reason
        assert prompts_of(rows) == ["Where is Bonn?", "Who wrote Emma?"]

    def test_one_that_is_closed_by_another_line_refuses_its_line_too(self) -> None:
        rows = read('prompt,submitter\nHi there,"ann\nWhat is an "ode"?,dan\nGood one,eve\n', "prompts.csv")

        assert [(one.line, one.column) for one in refusals_of(rows)] == [(2, 2)]
        assert "lines 2 to 3 would be one record" in refusals_of(rows)[0].reason
        assert prompts_of(rows) == ['What is an "ode"?', "Good one"]

    def test_a_record_of_several_lines_is_told_by_its_last(self) -> None:
        (row, other) = read('prompt\n"Why is the sky blue?\nWho wrote Emma?"\nWhy do cats purr?\n', "prompts.csv")

        assert isinstance(row, Row)
        assert isinstance(other, Row)
        assert (row.line, row.last_line, other.line, other.last_line) == (2, 3, 4, None)

    def test_a_line_that_is_no_utf8_inside_a_record_is_named(self) -> None:
        rows = read(b'prompt\n"open\ncaf\xe9"\nfine one\n', "prompts.csv")

        assert [one.line for one in refusals_of(rows)] == [2, 3]
        assert "spans line 3, which can't be read: The byte 0xE9 is no UTF-8" in refusals_of(rows)[0].reason

    def test_a_file_of_open_quotation_marks_ends_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each line leaves a mark open up to the limit, so that reading again from each next line is quadratic."""
        monkeypatch.setattr(table_records, "MOST_LINES_READ_AGAIN", 100_000)
        began = time.process_time()

        rows = read("prompt,submitter\n" + 'a","c\n' * 30_000, "prompts.csv")

        assert "so many quotation marks of this file are open" in refusals_of(rows)[-1].reason
        assert time.process_time() - began < 5


class TestExcel:
    def test_the_line_that_names_the_delimiter_is_read(self) -> None:
        rows = read("\ufeffsep=;\nprompt;submitter\nWhy is the sky blue, then?;anna\n", "prompts.csv")

        assert prompts_of(rows) == ["Why is the sky blue, then?"]
        assert rows[0].line == 3

    def test_unnamed_columns_and_rows_of_delimiters_hold_nothing(self) -> None:
        rows = read("\ufeffprompt;submitter;;\nWhy is the sky blue?;anna;;\n;;;\n;;;\n", "prompts.csv")

        assert prompts_of(rows) == ["Why is the sky blue?"]
        assert not refusals_of(rows)

    def test_a_value_in_an_unnamed_column_is_refused(self) -> None:
        (refused,) = refusals_of(read("prompt;;\nWhy is the sky blue?;lost;\n", "prompts.csv"))

        assert (refused.line, refused.column, refused.reason) == (2, 2, "Column 2 has a value and no name.")

    def test_lines_of_old_macs_are_named(self) -> None:
        (refused,) = refusals_of(read("prompt\rHi there\rHo there\r", "prompts.csv"))

        assert "old Macs" in refused.reason
