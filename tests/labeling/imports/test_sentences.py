"""What imports refuse and warn of is read in Chinese, too, whichever file of the code says it."""

from pathlib import Path

import pytest
from django.utils import translation

from labeling.imports.admin.sentences import in_readers_words
from lm.conversations import unstorable_character
from tests.labeling.refusals_said import refusals_said

ROOT = Path(__file__).resolve().parents[3]
SPEAKERS = [
    *sorted((ROOT / "labeling" / "imports" / "rules").rglob("*.py")),
    *sorted((ROOT / "labeling" / "imports" / "services").rglob("*.py")),
    ROOT / "labeling" / "ranking_tasks" / "rules.py",
    ROOT / "lm" / "conversations.py",
]
PARTS = {"name": "Message 7", "given": "7 completions were", "goes_on": ""}
REFUSALS = {"FieldRefused", "RefusedRow", "ImportRefused", "PromptRefused", "InvalidCompletions", "InvalidConversation"}
OPEN = (
    "Broken CSV: the quotation mark that opens field 1 is never closed (lines 2 to 4 would be one record). A field "
    "with quotation marks or line ends stands in quotation marks, and its own are doubled."
)


def test_every_refusal_of_an_import_has_its_sentence_in_chinese() -> None:
    said = set(refusals_said(SPEAKERS, REFUSALS, PARTS)) - {"Message 7: 7"}
    assert len(said) > 60
    with translation.override("zh-hans"):
        assert {text for text in said if in_readers_words(text) == text} == set()


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("prompt must be a text, not a list.", "prompt 必须是文字，不能是列表。"),
        (
            "Message 2 has the key “name”, for which there is no place; a message has role and content.",
            "第 2 条消息有键",
        ),
        ("The prompt has no text.", "prompt 没有文字。"),
        (f"The prompt: {unstorable_character('a' + chr(0))}", "字段 prompt：第 2 个字符是 U+0000，无法保存。"),
        (f"Message 1: {unstorable_character('a' + chr(0))}", "第 1 条消息：第 2 个字符是 U+0000，无法保存。"),
        (
            f"{OPEN} Reading goes on at line 3.",
            "CSV 有误：第 1 个字段开头的引号一直没有闭合（第 2 到 4 行会成为一条记录）。",
        ),
    ],
)
def test_a_sentence_within_a_sentence_is_read_in_chinese(english: str, chinese: str) -> None:
    with translation.override("zh-hans"):
        assert in_readers_words(english).startswith(chinese)
    assert in_readers_words(english) == english
