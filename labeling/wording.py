"""Texts that admins wrote in several interface languages. Pure."""

from collections.abc import Mapping

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
