"""Which completions a ranking task may have."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from labeling.base.refusals import InvalidCompletions
from labeling.base.text import UnstorableText, clean_text
from lm.snapshot.records.constants import DISTINCT_LOWEST, RANKED_HIGHEST, RANKED_LOWEST
from lm.white_space import comparable, kept_answer


@dataclass(frozen=True, kw_only=True)
class GivenCompletion:
    """A completion that came in a file, with the name of whatever wrote it."""

    text: str
    model: str


def checked_completions(completions: Sequence[GivenCompletion]) -> list[GivenCompletion]:
    """Those that can be ranked; of identical texts the first.

    Raises InvalidCompletions unless 4 to 9 were given and at least 2 are distinct and not empty.
    """
    if not RANKED_LOWEST <= len(completions) <= RANKED_HIGHEST:
        raise InvalidCompletions(
            f"{len(completions)} completions were given; a ranking task needs {RANKED_LOWEST} to {RANKED_HIGHEST}."
        )
    distinct = _distinct(completions)
    if len(distinct) < DISTINCT_LOWEST:
        raise InvalidCompletions(
            f"Of {len(completions)} completions only {len(distinct)} is distinct and not empty: nothing to compare."
        )
    return distinct


def _distinct(completions: Sequence[GivenCompletion]) -> list[GivenCompletion]:
    kept: dict[str, GivenCompletion] = {}
    for number, given in enumerate(completions, start=1):
        try:
            text = kept_answer(clean_text(given.text))
        except UnstorableText as unstorable:
            raise InvalidCompletions(f"Completion {number}: {unstorable}") from unstorable
        if text and given.model.strip():
            kept.setdefault(text_key(text), GivenCompletion(text=text, model=given.model))
        elif text:
            raise InvalidCompletions(f"Completion {number} does not name the model that wrote it.")
    return list(kept.values())


def drawn(key: str) -> float:
    """A number from 0 up to 1, drawn by the key: the same one each time, and unrelated ones for other keys."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) / 2**64


def share_of_tasks(*, share: float, shared_rankings: int, other_rankings: int) -> float:
    """Which share of tasks is shared, so that `share` of the rankings are of shared tasks. Both are from 0 to 1.

    With f of the tasks shared, m rankings each, and n of each other task: s = f m / (f m + (1 - f) n), solved for f.

    >>> round(share_of_tasks(share=0.15, shared_rankings=3, other_rankings=1), 4)
    0.0556
    """
    return share * other_rankings / (shared_rankings - share * (shared_rankings - other_rankings))


def text_key(text: str) -> str:
    """Returns what two completions of one task may not share: sha256 of the text, as lm/white_space.py compares it."""
    return hashlib.sha256(comparable(text).encode()).hexdigest()


_SIGNS_AROUND = re.compile(r"^\W+|[^\w)\]}]+$")


def near_key(text: str) -> str:
    """Returns what two sampled completions of one task may not share: nobody could rank one above the other.

    Beside what `text_key` passes over: case, width and style of characters (NFKC), Markdown's emphasis and quotation
    marks, all white space as one blank, and the signs before the first and after the last word.

    >>> near_key("**Yes,** it is!") == near_key("yes, it  is") != near_key("yes, it is not")
    True
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = re.sub(r"[*_`\"'‘’“”«»「」]", "", plain)
    plain = _SIGNS_AROUND.sub("", " ".join(plain.split()))
    return plain or comparable(text)
