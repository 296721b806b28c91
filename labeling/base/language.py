"""Which of the interface's languages a text is in, by its script. Pure.

Texts that admins wrote in several interface languages. Pure.
"""

import re
import unicodedata
from collections.abc import Mapping

HAN_PER_WORD = 1.7
"""Chinese characters that say as much as one English word, roughly."""

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")


def detect_language(text: str) -> str | None:
    """zh for mostly Chinese characters, en for mostly Latin letters, None for another script or no letters at all.

    It tells scripts apart, not languages: French counts as en. Whoever knows better says so.
    """
    chinese_words = len(_HAN.findall(text)) / HAN_PER_WORD
    latin_words = len(_LATIN_WORD.findall(text))
    others = sum(1 for letter in _LATIN_WORD.sub("", _HAN.sub("", text)) if unicodedata.category(letter)[0] == "L")
    # Five letters a word; Japanese has Chinese characters too, but never without some kana.
    if others / 5 > max(chinese_words, latin_words) or (others and others / HAN_PER_WORD > chinese_words / 4 > 0):
        return None
    if chinese_words == latin_words == 0:
        return None
    return "zh" if chinese_words >= latin_words else "en"


DEFAULT_LANGUAGE = "en"


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in `language`, or the nearest there is: its base language, English, then any; empty without texts.

    >>> in_language({"en": "Tie", "zh-hans": "并列"}, "zh-hans")
    '并列'
    """
    for code in (language, language.partition("-")[0], DEFAULT_LANGUAGE):
        if texts.get(code):
            return texts[code]
    return next((text for text in texts.values() if text), "")
