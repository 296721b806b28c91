"""Languages: told from a text, chosen from a list with names, matched by code."""

import pytest
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.language import LANGUAGES, checked_languages, code_of, detect_language, name_of, own_name_of
from labeling.base.refusals import UnknownLanguage


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Why is the sky blue?", "en"),
        ("What does こんにちは mean, and when do I say it to somebody?", "en"),
        ("Translate 你好 into English and explain when to say it.", "en"),
        ("Écrivez une lettre à votre voisine.", "fr"),
        ("Schreibe ein kurzes Gedicht über den Herbst.", "de"),
        ("¿Cuál es la capital de Perú?", "es"),
        ("Qual é a capital do Brasil?", "pt"),
        ("Qual è la capitale d'Italia?", "it"),
        ("Hvad er hovedstaden i Danmark?", "da"),
        ("天空为什么是蓝色的？", "zh"),
        ("請用繁體中文寫一封信", "zh"),
        ("用 Python 写一个 quicksort 函数，再解释它的复杂度。", "zh"),
        ("なぜ空は青いのですか？", "ja"),
        ("東京は日本の首都です。", "ja"),
        ("하늘은 왜 파란가요?", "ko"),
        ("Почему небо голубое и как это объяснить детям?", "ru"),
        ("ما هي عاصمة مصر؟", "ar"),
        ("Thủ đô của Việt Nam là gì?", "vi"),
    ],
)
def test_languages_are_told_apart(text: str, language: str) -> None:
    assert detect_language(text, expected=["en", "zh"]) == language


@pytest.mark.parametrize("text", ["hello", "Explain TCP", "List 5 fruits", "def f(x):\n    return x*2"])
def test_a_text_too_short_to_tell_is_in_a_language_of_its_campaign(text: str) -> None:
    assert detect_language(text) is None
    assert detect_language(text, expected=["zh", "en"]) == "en"
    assert detect_language(text, expected=["de"]) == "de"


@pytest.mark.parametrize("text", ["12 + 30 = ?", "", "!?"])
def test_a_text_without_letters_tells_nothing(text: str) -> None:
    assert detect_language(text, expected=["en"]) is None


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert detect_language(text, expected=["en"]) in (*LANGUAGES, None)


def test_codes_are_of_languages_whatever_region_and_script() -> None:
    assert [code_of(tag) for tag in ("en", "EN-us", "pt_BR", "zh-Hant", "nb", " fr ")] == [
        "en", "en", "pt", "zh", "no", "fr",
    ]  # fmt: skip
    assert [code_of(tag) for tag in ("English", "xx", "", "klingon")] == [None] * 4
    assert checked_languages(["zh", "en-GB", "en"]) == ["zh", "en"]
    with pytest.raises(UnknownLanguage, match="“English” is no language"):
        checked_languages(["English"])


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_a_name_of_its_own_and_in_both_interfaces(code: str) -> None:
    assert own_name_of(code)
    assert name_of(code) != code
    with override("zh-hans"):
        assert any(ord(letter) > 0x3000 for letter in name_of(code))


def test_long_numbers_have_groups_of_three_in_both_languages() -> None:
    for language in ("en", "zh-hans"):
        with override(language):
            assert [intcomma(number) for number in (999, 100_000, 1234.5)] == ["999", "100,000", "1,234.5"]
