import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.language import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Why is the sky blue?", "en"),
        ("天空为什么是蓝色的？", "zh"),
        ("用 Python 写一个 quicksort 函数，再解释它的复杂度。", "zh"),
        ("Translate 你好 into English and explain when to say it.", "en"),
        ("Écrivez une lettre à votre voisine.", "en"),
        ("なぜ空は青いのですか？", None),
        ("東京は日本の首都です。", None),
        ("Почему небо голубое?", None),
        ("하늘은 왜 파란가요?", None),
        ("12 + 30 = ?", None),
        ("", None),
        ("What does こんにちは mean, and when do I say it to somebody?", "en"),
    ],
)
def test_scripts_are_told_apart(text: str, language: str | None) -> None:
    assert detect_language(text) == language


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert detect_language(text) in ("en", "zh", None)
