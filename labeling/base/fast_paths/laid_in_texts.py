"""HTML that is the same for everybody but for some texts: drawn once, with marks in the texts' places.

Each process keeps the pieces between the marks, and lays the texts in.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache

from django.utils.safestring import SafeString, mark_safe

KEPT = 2048


def laid_in(draw: Callable[..., str], *, of: tuple[Hashable, ...], texts: Mapping[str, str]) -> SafeString:
    """Returns `draw(marks, *of)` with the texts in the places of their marks. Both must be safe HTML.

    `marks` has a mark for the name of each text. What is drawn may depend on `of` and on nothing else.
    """
    pieces = _drawn(draw, tuple(texts), of)
    return mark_safe("".join(texts[piece] if at % 2 else piece for at, piece in enumerate(pieces)))  # noqa: S308


def mark_of(name: str) -> str:
    """Private-use characters. The texts are laid in after the cut, so they may hold what they like."""
    return f"\ue000{name}\ue000"


@lru_cache(maxsize=KEPT)
def _drawn(draw: Callable[..., str], names: tuple[str, ...], of: tuple[Hashable, ...]) -> list[str]:
    """What stands between the marks, and in every other place the name of a text."""
    html = draw({name: mark_of(name) for name in names}, *of)
    return re.split(mark_of(f"({'|'.join(names)})"), html)
