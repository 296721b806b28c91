"""What people agreed to can be shown later: other words have another version."""

from hashlib import sha256

from django.template.loader import render_to_string
from django.utils import translation

from labeling.conversations.rules.consent import WORDING

DIGESTS = {"2026-11": "58ce47b70f875330", "2026-11-26": "a745a2805f831c03"}


def words() -> str:
    shown = ""
    for language in ("en", "zh-hans"):
        with translation.override(language):
            shown += " ".join(render_to_string("playground/parts/asks.html").split())
    return sha256(shown.encode()).hexdigest()[:16]


def test_the_words_of_the_question_are_those_of_their_version() -> None:
    assert words() == DIGESTS[WORDING], "The question says something else: give it another version, and note it here."
