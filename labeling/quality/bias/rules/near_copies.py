"""Whether an answer was written, or taken from a model. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from labeling.base.text import clean_answer

NEAR = 90
"""Of 100: so many characters of both texts need no edit."""
SHORTEST = 80
"""Characters; short answers are alike by themselves."""


@dataclass(frozen=True, kw_only=True)
class NearCopy:
    """`number`: which of the known texts; `likeness`: of 100."""

    number: int
    likeness: float


def near_copy_of(answer: str, known: Iterable[str]) -> NearCopy | None:
    """Returns the known text that the answer is nearest to, where it is a near copy; None where it is not.

    Likeness is the share of characters that need no edit (normalised indel distance).
    """
    text = clean_answer(answer)
    if len(text) < SHORTEST:
        return None
    found = process.extractOne(text, [clean_answer(each) for each in known], scorer=fuzz.ratio, score_cutoff=NEAR)
    return None if found is None else NearCopy(number=found[2], likeness=found[1])
