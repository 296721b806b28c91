"""Cards of completions as HTML, most of which is drawn once.

A card of which nothing has been said yet is the same for everybody but for its text: the template draws it with marks
in the text's place, and each process keeps the pieces between them. A template of forty radio buttons costs more than
all else on the page, and a new ranking page has nothing but such cards.
"""

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from labeling.desk.forms import LONGEST_UNFOLDED, Card, JudgementForm
from labeling.desk.queries.work import Flag, ShownCompletion

KEPT = 2048
HTML_MARK, RAW_MARK, LENGTH_MARK = "\ue000html\ue000", "\ue000raw\ue000", "\ue000length\ue000"
"""Private-use characters. The text itself is laid in after the page was cut at them, so it may hold what it likes."""
_MARKS = re.compile(f"({HTML_MARK}|{RAW_MARK}|{LENGTH_MARK})")


class MarkedCard(Card):
    def length(self) -> str:
        return LENGTH_MARK


def card_html(card: Card, *, language: str) -> SafeString:
    """The card as parts/card.html draws it, whose texts are safe HTML already. `language`: of the texts."""
    if card.checked or card.has_entry():
        return _drawn(card, language)
    laid_in = {HTML_MARK: card.shown.html, RAW_MARK: card.shown.raw, LENGTH_MARK: card.length()}
    length = LONGEST_UNFOLDED + 1 if card.is_long() else 0  # what matters of it beside its figure
    blank = replace(card.shown, html=HTML_MARK, raw=RAW_MARK, length=length)
    pieces = _blank_card(blank, tuple(card.rubric), card.k, language, get_language())
    return mark_safe("".join(laid_in.get(piece, piece) for piece in pieces))  # noqa: S308  (as in the template)


@lru_cache(maxsize=KEPT)
def _blank_card(
    shown: ShownCompletion, rubric: tuple[Flag, ...], k: int, language: str, _interface_language: str
) -> list[str]:
    keys = [flag.key for flag in rubric]
    form = JudgementForm(MultiValueDict(), position=shown.position, k=k, flag_keys=keys)
    return _MARKS.split(_drawn(MarkedCard(shown=shown, form=form, rubric=rubric, k=k, checked=False), language))


def _drawn(card: Card, language: str) -> SafeString:
    context: dict[str, Any] = {"card": card, "work": {"language": language}}
    return render_to_string("desk/ranking/parts/card.html", context)
