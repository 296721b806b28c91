"""Sentences that services, workers and trainers wrote down in English, in the language of whoever reads them now.

What is stored stays English, for logs and for programs. Each kind of sentence is listed once, with its variable parts,
beside whoever shows it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from django.utils import translation
from django_stubs_ext import StrPromise

PART = re.compile(r"%\\\((\w+)\\\)s")


def told(text: str, sentences: Iterable[StrPromise]) -> str:
    """The text in the reader's language where it is one of these sentences, else as it is.

    A part whose name begins with `why` may be another of them. Of a longer text the first line and the rest are looked
    at together, so that a log at its end stays as it is.
    """
    known = tuple(sentences)
    for sentence in known:
        if found := _pattern(_english(sentence)).fullmatch(text):
            return str(sentence) % _parts(found.groupdict(), known)
    return text


def _parts(parts: Mapping[str, str], known: tuple[StrPromise, ...]) -> dict[str, str]:
    return {name: told(value, known) if name.startswith("why") else value for name, value in parts.items()}


def _english(sentence: StrPromise) -> str:
    with translation.override("en"):
        return str(sentence)


@lru_cache(maxsize=500)
def _pattern(english: str) -> re.Pattern[str]:
    """`%(name)s` stands for anything; `%%` for a percent sign."""
    escaped = re.escape(english)
    return re.compile(PART.sub(r"(?P<\1>.+?)", escaped).replace("%%", "%"), re.DOTALL)
