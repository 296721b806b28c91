"""What a line of a file becomes: a prompt, or a refusal that says where and why. No database."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.states import ContentWarning, PromptSource, UseCase
from labeling.imports.rules import lines as lines_module
from labeling.imports.rules.reading import read_prompts
from labeling.imports.rules.rows import Defaults, RefusedRow, Row
from lm.white_space import kept_answer


def read(content: bytes | str, filename: str = "prompts.jsonl", **defaults: Any) -> list[Row | RefusedRow]:
    raw = content.encode() if isinstance(content, str) else content
    return list(read_prompts(io.BytesIO(raw), filename=filename, defaults=Defaults(**defaults)))


def one(record: object, **defaults: Any) -> Row:
    (row,) = read(json.dumps(record, ensure_ascii=False), **defaults)
    assert isinstance(row, Row), str(row)
    return row


def refusal(content: bytes | str | dict[str, Any], filename: str = "prompts.jsonl") -> RefusedRow:
    (refused,) = read(json.dumps(content) if isinstance(content, dict) else content, filename)
    assert isinstance(refused, RefusedRow)
    return refused


class TestContentWarnings:
    def test_a_list_of_them_comes_with_the_prompt(self) -> None:
        row = one({"prompt": "A battle.", "content_warnings": ["violence", "self_harm"]})
        assert row.content_warnings == (ContentWarning.VIOLENCE, ContentWarning.SELF_HARM)
        assert one({"prompt": "A garden."}).content_warnings == ()

    def test_a_csv_field_holds_names_with_commas_between(self) -> None:
        (row,) = read('prompt,content_warnings\nA battle.,"violence, hate"\n', "prompts.csv")
        assert isinstance(row, Row)
        assert row.content_warnings == (ContentWarning.VIOLENCE, ContentWarning.HATE)

    def test_skills_come_in_the_same_two_ways(self) -> None:
        assert one({"prompt": "A will.", "required_skills": ["law"]}).required_skills == ("law",)
        (row,) = read('prompt,required_skills\nA will.,"law, latin"\n', "prompts.csv")
        assert isinstance(row, Row)
        assert row.required_skills == ("law", "latin")
        assert "required_skills" in refusal({"prompt": "A will.", "required_skills": [1]}).reason

    @pytest.mark.parametrize("given", ["boring", ["violence", "boring"], [1], {"violence": True}, 5])
    def test_what_is_none_is_refused(self, given: object) -> None:
        assert "content" in refusal({"prompt": "A battle.", "content_warnings": given}).reason


class TestForms:
    def test_a_prompt_is_one_user_message(self) -> None:
        row = one({"prompt": "Why is the sky blue?"})

        assert row.messages == ({"role": "user", "content": "Why is the sky blue?"},)
        assert (row.language, row.source, row.use_case) == ("en", PromptSource.IMPORT, UseCase.OTHER)

    def test_messages_are_kept_as_they_are(self) -> None:
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "你好"},
            {"role": "assistant", "content": "你好！"},
            {"role": "user", "content": "写首诗\r\n谢谢"},
        ]

        row = one({"messages": messages})

        assert [message["role"] for message in row.messages] == ["system", "user", "assistant", "user"]
        assert row.messages[-1]["content"] == "写首诗\n谢谢"
        assert row.language == "zh"

    def test_an_instruction_has_its_input_below_it(self) -> None:
        assert one({"instruction": "Translate.", "input": "Bonjour"}).messages[0]["content"] == "Translate.\n\nBonjour"
        assert one({"instruction": "Translate.", "input": ""}).messages[0]["content"] == "Translate."

    def test_each_instance_is_a_prompt_with_its_demonstration(self) -> None:
        record = {
            "id": "seed_task_1",
            "name": "antonyms",
            "instruction": "Give the opposite.",
            "instances": [{"input": "day", "output": "night"}, {"input": "hot", "output": "cold"}],
            "is_classification": True,
        }

        first, second = read(json.dumps(record))

        assert isinstance(first, Row)
        assert isinstance(second, Row)
        assert [row.messages[0]["content"] for row in (first, second)] == [
            "Give the opposite.\n\nday",
            "Give the opposite.\n\nhot",
        ]
        assert [row.demonstrations for row in (first, second)] == [("night",), ("cold",)]
        assert (first.use_case, first.line, second.line) == (UseCase.CLASSIFICATION, 1, 1)

    def test_fields_of_the_file_win_over_defaults(self) -> None:
        record = {"prompt": "Hello there", "submitter": "ada", "language": "fr", "use_case": "chat", "source": "api"}

        row = one(record, submitter="bob", language="en", use_case=UseCase.REWRITE)

        assert (row.submitter, row.language, row.use_case, row.source) == ("ada", "fr", "chat", "api")
        row = one({"prompt": "Hello there"}, submitter="bob", language="de", use_case=UseCase.REWRITE)
        assert (row.submitter, row.language, row.use_case) == ("bob", "de", "rewrite")

    def test_null_counts_as_absent(self) -> None:
        assert one({"prompt": "Hello there", "language": None, "submitter": None}).language == "en"

    def test_a_prompt_without_a_submitter_is_its_own(self) -> None:
        sky, grass = one({"prompt": "Why is the sky blue?"}), one({"prompt": "Why is grass green?"})

        assert sky.submitter.startswith("anonymous-")
        assert sky.submitter == one({"prompt": "why is the  sky blue?", "language": "en"}).submitter
        assert sky.submitter != grass.submitter

    def test_a_reference_is_ranked_only_on_request(self) -> None:
        completions = [{"text": f"Answer {number}", "model": "m"} for number in range(4)]
        record = {"prompt": "Why is the sky blue?", "completions": completions, "human_reference": "Rayleigh."}

        without, with_it = one(record), one(record, with_reference=True)

        assert (len(without.completions), without.reference_left_out) == (4, True)
        assert (len(with_it.completions), with_it.reference_left_out) == (5, False)
        assert (with_it.completions[-1].text, with_it.completions[-1].model) == ("Rayleigh.", "human")

    def test_ignored_fields_are_left_out(self) -> None:
        assert one({"prompt": "Hello there", "score": 3}, ignore=frozenset({"score"})).messages

    def test_keys_inside_messages_that_have_no_place_are_refused_by_name_and_left_out_on_request(self) -> None:
        call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
        messages = [
            {"role": "user", "content": "How high is it?", "name": "ada"},
            {"role": "assistant", "content": "I look it up.", "tool_calls": [call], "refusal": None},
            {"role": "user", "content": "And now?"},
        ]
        record = {"messages": messages}

        assert "Message 1 has the key “name”" in refusal(record).reason
        (only_name,) = read(json.dumps(record), ignore=frozenset({"name"}))
        assert isinstance(only_name, RefusedRow)
        assert "Message 2 has the key “tool_calls”" in only_name.reason
        row = one(record, ignore=frozenset({"name", "tool_calls"}))
        assert [message["content"] for message in row.messages] == ["How high is it?", "I look it up.", "And now?"]
        assert all(set(message) == {"role", "content"} for message in row.messages)

    def test_keys_inside_public_formats_are_refused_by_name_too(self) -> None:
        asked = {"role": "user", "content": "How high is it?"}
        record = {
            "prompt": [asked | {"images": ["a.png"]}],
            "chosen": [{"role": "assistant", "content": "Very.", "tool_calls": [{"id": "c1"}]}],
            "rejected": [{"role": "assistant", "content": "No."}],
        }

        assert "The last message of chosen has the key “tool_calls”" in refusal(record).reason
        (read_again,) = read(json.dumps(record), ignore=frozenset({"tool_calls"}))
        assert "Message 1 has the key “images”" in str(read_again)
        assert one(record, ignore=frozenset({"images", "tool_calls"})).messages == (asked,)

        shared = {
            "conversations": [{"from": "human", "value": "Hi there"}, {"from": "gpt", "value": "Hello", "loss": 0}]
        }
        assert "Message 2 has the key “loss”" in refusal(shared).reason
        assert one(shared, ignore=frozenset({"loss"})).demonstrations == ("Hello",)

    def test_blank_lines_and_a_byte_order_mark_do_no_harm(self) -> None:
        rows = read(b'\xef\xbb\xbf{"prompt": "One thing"}\r\n\r\n   \n{"prompt": "Two things"}')

        assert [(row.line, isinstance(row, Row)) for row in rows] == [(1, True), (4, True)]


class TestRefusals:
    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ({"text": "Hi"}, "It has no prompt: one of the fields messages, prompt, instruction"),
            ({"prompt": "Hi", "messages": []}, "It has messages and prompt; only one"),
            ({"prompt": "Hi there", "promt": "x"}, "The field “promt” is unknown beside prompt"),
            ({"prompt": "Hi there", "input": "x"}, "The field “input” is unknown beside prompt"),
            ({"prompt": " \n\t"}, "The prompt has no text"),
            ({"instruction": "", "input": "x"}, "The instruction has no text"),
            ({"prompt": 17}, "prompt must be a text, not a number"),
            ({"prompt": "nul \u0000 here"}, "U+0000, which can't be stored"),
            ({"prompt": "half \ud800 pair"}, "U+D800, which can't be stored"),
            ({"messages": {"role": "user"}}, "messages must be a list, not an object"),
            ({"messages": []}, "needs at least one user message"),
            ({"messages": ["Hi"]}, "Message 1 is not an object"),
            ({"messages": [{"role": "bot", "content": "Hi"}]}, "Message 1 has the role 'bot'"),
            ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "must end with"),
            ({"prompt": "Hi there", "submitter": " "}, "must have 1 to 200 characters"),
            ({"prompt": "Hi there", "submitter": "x" * 201}, "must have 1 to 200 characters"),
            ({"prompt": "Hi there", "submitter": 17}, "submitter must be a text, not a number"),
            ({"prompt": "Hi there", "submitter": "a\u0000"}, "U+0000"),
            ({"prompt": "Hi there", "use_case": "poetry"}, "“poetry” is no use case; the use cases are generation"),
            ({"prompt": "Hi there", "source": "web"}, "“web” is no source"),
            ({"prompt": "Hi there", "language": "English"}, "“English” is no language code"),
            ({"prompt": "12 + 30 = ?"}, "Its text doesn't tell the language"),
            ({"prompt": "Hi there", "demonstration": "  "}, "A demonstration is empty"),
            ({"prompt": "Hi there", "demonstrations": ["ok", 3]}, "A demonstration is empty or no text"),
            ({"prompt": "Hi there", "demonstration": "a", "demonstrations": ["b"]}, "put all of them in one"),
            ({"prompt": "Hi there", "demonstrations": "a"}, "demonstrations must be a list, not a text"),
            ({"prompt": "Hi there", "demonstration": "a\u0000"}, "U+0000"),
            ({"prompt": "Hi there", "completions": [{"text": "a"}]}, "Completion 1 is no object of text and model"),
            ({"prompt": "Hi there", "completions": [{"text": 1, "model": "m"}]}, "text and model must be texts"),
            ({"instruction": "Hi there", "instances": []}, "instances must be a list of"),
            ({"instruction": "Hi there", "instances": [{"in": 1}]}, "Instance 1 is no object of input and output"),
            ({"instruction": "Hi there", "instances": [{}], "input": "x"}, "It has input and instances"),
        ],
        ids=lambda value: value[:30] if isinstance(value, str) else "",
    )
    def test_of_fields_say_which_and_why(self, record: dict[str, Any], words: str) -> None:
        assert words in refusal(record).reason

    def test_name_the_column_where_the_field_stands(self) -> None:
        refused = refusal('{"prompt": "Hi there", "language": "English"}')

        assert str(refused).startswith("line 1, column 24: “English” is no language code")

    @pytest.mark.parametrize(
        ("line", "column", "words"),
        [
            ('{"prompt": "Hi"', 16, "Broken JSON: Expecting ',' delimiter"),
            ('{"prompt": "Hi",}', 17, "Broken JSON"),
            ('{"prompt": "Hi', 12, "Broken JSON: Unterminated string."),
            ("{'prompt': 'Hi'}", 2, "Broken JSON: Expecting property name"),
            ('{"prompt": "Hi"} {"prompt": "Ho"}', 18, "Broken JSON: Extra data"),
            ('"just a text"', 1, "no object"),
            ('{"prompt": "a", "prompt": "b"}', 2, "The field “prompt” is there twice"),
            ('{"prompt": "a", "score": NaN}', 1, "NaN is no number that JSON knows"),
            ('{"prompt": ' + "[" * 100_000, 1, "nested too deeply"),
            ('{"prompt": ' + "1" * 5000 + "}", 1, "The JSON can't be read"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_of_broken_json_say_where(self, line: str, column: int, words: str) -> None:
        good = '{"prompt": "A good line"}'

        rows = read(f"{good}\n{line}\n{good}\n")

        assert [isinstance(row, Row) for row in rows] == [True, False, True]
        refused = rows[1]
        assert isinstance(refused, RefusedRow)
        assert (refused.line, refused.column) == (2, column)
        assert words in refused.reason

    def test_of_overlong_lines_read_past_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lines_module, "LONGEST_LINE", 5000)
        good = '{"prompt": "A good line"}\n'

        for long in (b"x" * 4999, b"x" * 5000, b"x" * 100_000):
            rows = read(good.encode() + long + b"\n" + good.encode())
            assert [isinstance(row, Row) for row in rows] == [True, False, True]
            assert [row.line for row in rows] == [1, 2, 3]
        refused = rows[1]
        assert isinstance(refused, RefusedRow)
        assert "longer than 5,000 bytes" in refused.reason

    @pytest.mark.parametrize("name", ["prompts.txt", "prompts"])
    def test_of_unknown_kinds_of_file(self, name: str) -> None:
        assert "neither JSON nor CSV" in refusal("hello", name).reason
        assert isinstance(read('{"prompt": "It is JSON anyway"}', name)[0], Row)


class TestEncodings:
    CHINESE = '{"prompt": "天空为什么是蓝色的？"}\n'

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    def test_wide_ones_are_named(self, encoding: str) -> None:
        refused = refusal('{"prompt": "Why is the sky blue?"}\n'.encode(encoding))

        assert ("UTF-32" if encoding == "utf-32" else "UTF-16") in refused.reason
        assert "Save the file as UTF-8" in refused.reason

    @pytest.mark.parametrize("filename", ["a.jsonl", "a.csv"])
    def test_gbk_is_named_at_its_place_and_good_lines_go_on(self, filename: str) -> None:
        lines = {"a.jsonl": ['{"prompt": "Good one"}', self.CHINESE.strip()], "a.csv": ["prompt", "Good one", "天空蓝"]}

        rows = read("\n".join([*lines[filename], lines[filename][-2]]).encode("gbk"), filename)

        assert [isinstance(row, Row) for row in rows] == [True, False, True]
        refused = rows[1]
        assert isinstance(refused, RefusedRow)
        assert (refused.line, refused.column) == ((2, 13) if filename == "a.jsonl" else (3, 1))
        assert "reads as GBK" in refused.reason

    def test_windows_1252_is_guessed(self) -> None:
        refused = refusal('{"prompt": "Caf\u00e9 au lait \u2013 why?"}'.encode("cp1252"))

        assert refused.column == 16
        assert "0xE9 is no UTF-8; the line may be Windows-1252" in refused.reason

    @pytest.mark.parametrize(("start", "words"), [(b"PK\x03\x04rest", "Excel"), (b"\x1f\x8b\x08\x00rest", "gzip")])
    def test_archives_are_named(self, start: bytes, words: str) -> None:
        assert words in refusal(start).reason

    @given(st.binary(max_size=300), st.sampled_from(["a.jsonl", "a.csv", "a.tsv", "a"]))
    def test_no_bytes_stop_the_reader(self, content: bytes, filename: str) -> None:
        for row in read(content, filename):
            assert row.line >= 1

    @given(st.text())
    def test_no_text_stops_the_reader(self, text: str) -> None:
        for row in read(text.encode("utf-8", "surrogatepass"), "a.jsonl"):
            assert row.line >= 1


class TestCsv:
    def test_rows_are_prompts(self) -> None:
        content = (
            "prompt,submitter,use_case,language,demonstration\r\n"
            '"Line one\nline ""two""",ada,chat,en,"An answer, with a comma"\r\n'
            "写一首诗,,,,\r\n"
        )

        first, second = read(content, "prompts.csv")

        assert isinstance(first, Row)
        assert first.messages[0]["content"] == 'Line one\nline "two"'
        assert (first.line, first.submitter, first.use_case) == (2, "ada", "chat")
        assert first.demonstrations == ("An answer, with a comma",)
        assert isinstance(second, Row)
        assert (second.line, second.language, second.demonstrations) == (4, "zh", ())

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_the_delimiter_is_the_headers(self, delimiter: str) -> None:
        (row,) = read(delimiter.join(["instruction", "input"]) + "\n" + delimiter.join(["Say this", "hi"]), "a.csv")

        assert isinstance(row, Row)
        assert row.messages[0]["content"] == "Say this\n\nhi"

    @pytest.mark.parametrize(
        ("content", "line", "column", "words"),
        [
            ("", 1, 1, "no header"),
            ("\nprompt\n", 1, 1, "no header"),
            ("prompt,prompt\na,b", 1, 2, "“prompt” is there twice"),
            ("prompt,colour\nHi there,red", 2, 2, "The field “colour” is unknown"),
            ("prompt,submitter\nHi there", 2, 1, "It has 1 fields, but the header names 2 columns"),
            ('prompt\n"closed" early', 2, 1, "Broken CSV"),
            ("prompt,use_case\nHi there,poetry", 2, 2, "“poetry” is no use case"),
            ("submitter,prompt\nada,  ", 2, 2, "The prompt has no text"),
            ("submitter,prompt\nada,", 2, 1, "It has no prompt"),
            ("prompt\nnul \0 here", 2, 1, "U+0000"),
        ],
    )
    def test_refusals_name_the_record_and_the_field(self, content: str, line: int, column: int, words: str) -> None:
        refused = refusal(content, "prompts.csv")

        assert (refused.line, refused.column) == (line, column)
        assert words in refused.reason

    def test_good_records_go_on_after_a_broken_one(self) -> None:
        rows = read('prompt\nGood one\n"bad" one\nGood two\n', "prompts.csv")

        assert [(row.line, isinstance(row, Row)) for row in rows] == [(2, True), (3, False), (4, True)]


class TestBothFormatsAgree:
    texts = st.text(
        st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n",;\t'), min_size=1, max_size=80
    ).filter(lambda text: text.strip() and "\0" not in text)

    @given(prompts=st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
    def test_on_what_was_written(self, prompts: list[tuple[str, str]]) -> None:
        records = [{"prompt": prompt, "demonstration": answer, "language": "en"} for prompt, answer in prompts]
        as_jsonl = "".join(json.dumps(record) + "\n" for record in records)
        sheet = io.StringIO(newline="")
        writer = csv.DictWriter(sheet, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)

        from_jsonl, from_csv = read(as_jsonl), read(sheet.getvalue(), "prompts.csv")

        assert [_content(row) for row in from_jsonl] == [_content(row) for row in from_csv]
        assert [_content(row) for row in from_csv] == [(prompt, kept_answer(answer)) for prompt, answer in prompts]


def _content(row: Row | RefusedRow) -> tuple[str, str]:
    assert isinstance(row, Row), str(row)
    return row.messages[0]["content"], row.demonstrations[0]


class TestParquet:
    """The records of public data sets as they are stored."""

    def test_a_row_is_a_record_whose_nulls_are_absent(self) -> None:
        asked = {"role": "user", "content": "Why is the sea salty?", "name": None}
        records: list[dict[str, Any]] = [
            {"messages": [asked], "language": None},
            {"messages": [asked | {"name": "bo"}]},
        ]
        rows = read(parquet(records), "x.parquet")
        assert isinstance(rows[0], Row)
        assert (rows[0].line, rows[0].messages[-1]["content"]) == (1, "Why is the sea salty?")
        assert isinstance(rows[1], RefusedRow)
        assert (rows[1].line, rows[1].column) == (2, 1)
        assert "name" in rows[1].reason

    @pytest.mark.parametrize("broken", [b"PAR1", b"PAR1" + bytes(range(256)) * 8, "cut"])
    def test_a_broken_one_is_refused_in_words(self, broken: bytes | str) -> None:
        whole = parquet([{"prompt": f"Question {number}?"} for number in range(9)])
        content = whole[: len(whole) // 2] if isinstance(broken, str) else broken
        assert "Broken Parquet, read up to row 0" in refusal(content, "x.parquet").reason

    def test_values_that_no_json_has_are_refused_as_what_they_are_not(self) -> None:
        (refused,) = read(parquet([{"prompt": b"\xff\x00"}]), "x.parquet")
        assert isinstance(refused, RefusedRow)
        dated = parquet([{"prompt": "When?", "at": datetime(2026, 1, 1, tzinfo=UTC)}])
        (row,) = read(dated, "x.parquet", ignore=["at"])
        assert isinstance(row, Row)
        output = {"instruction": "When?", "output": "Now.", "generator": datetime(2026, 1, 1, tzinfo=UTC)}
        assert read(parquet([output]), "x.parquet")  # waits for others of its prompt as JSON


def parquet(records: list[dict[str, Any]]) -> bytes:
    kept = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), kept)
    return kept.getvalue()
