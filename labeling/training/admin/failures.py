"""Why a run failed, as its page says it: in the reader's language, or by the trainer's own words with what helps to
read them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import get_language
from django_stubs_ext import StrPromise

from labeling.base.admin.told import told

FLAG = re.compile(r"--([a-z][a-z-]*)")


@dataclass(frozen=True)
class Option:
    """An option of the trainer that a failure names, and what the form of the recipe calls it."""

    flag: str
    name: StrPromise


@dataclass(frozen=True, kw_only=True)
class Failure:
    """`words` are in the reader's language, or in English where `quoted` is true: the trainers have more refusals than
    anybody translates.
    """

    words: str
    quoted: bool
    options: list[Option]


def failure_of(text: str, sentences: Iterable[StrPromise], names: Mapping[str, StrPromise]) -> Failure | None:
    """None where nothing failed. `names`: of the options that a recipe decides."""
    if not text:
        return None
    words = told(text, sentences)
    flags = dict.fromkeys(FLAG.findall(text))
    options = [Option(f"--{flag}", names[key]) for flag in flags if (key := flag.replace("-", "_")) in names]
    return Failure(words=words, quoted=words == text and (get_language() or "en")[:2] != "en", options=options)
