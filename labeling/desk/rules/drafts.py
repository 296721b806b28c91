"""Drafts: the fields of an unfinished form, as lists of values by field name. Pure.

A draft is kept with whatever content; only characters that PostgreSQL refuses are replaced, visibly.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

Draft = dict[str, list[str]]

LONGEST_DRAFT = 1_000_000
"""Characters in all; nine notes of ten thousand and a demonstration of a hundred thousand fit many times over."""

LONGEST_FIELDS = 100_000
"""Of a draft: the characters of its fields' names, and how many texts they have, together."""

NOTICEABLE_LOSS = 40
"""Characters; less than a line is retyped sooner than looked for."""

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
PAGE_NAME = re.compile("[0-9a-f]{32}")
NOT_WORK = frozenset({"csrfmiddlewaretoken", "draft_version", "draft_page", "active_seconds", "settles", "do", "again"})
"""Fields of the page that are no part of the work (templates/desk/parts/builds_on.html), and its named buttons."""


class InvalidDraft(ValueError):
    """The request holds no draft; the message says why."""


class DraftTooLong(InvalidDraft):
    """More than LONGEST_DRAFT characters in all."""


def parse_draft(value: object) -> Draft:
    """Raises InvalidDraft unless `value` maps names to lists of texts of bearable length."""
    if not isinstance(value, Mapping):
        raise InvalidDraft("A draft is an object that maps each field's name to a list of texts.")
    for name, texts in value.items():
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise InvalidDraft(f"The draft's field “{name}” is no list of texts.")
    if not fits(value):
        raise DraftTooLong(f"The draft is longer than {LONGEST_DRAFT:,} characters in all. Shorten it.")
    return draft_of(value.items())


def fits(draft: Mapping[str, object]) -> bool:
    """Whether a draft can be kept: no longer than LONGEST_DRAFT, and of no more fields than any page has."""
    lists = as_lists(draft)
    fields = sum(len(name) + len(texts) for name, texts in lists.items())
    return _length(lists) <= LONGEST_DRAFT and fields <= LONGEST_FIELDS


def draft_of(fields: Iterable[tuple[str, Iterable[object]]]) -> Draft:
    """The draft that a form's fields make."""
    return {
        storable(name): [storable(str(value)) for value in values] for name, values in fields if name not in NOT_WORK
    }


@dataclass(frozen=True, kw_only=True)
class SentDraft:
    """The fields that a page sends, and the draft on the server that it builds on.

    `version` is None where no page sends it. `page` names the page that sends, and is empty where it has no scripts:
    what it saved itself is no news to it. `settles`: its person has seen that draft, and chose this one. `counted`: the
    seconds at work that the page has counted; `active_seconds`: those of all pages of the work, once they are written
    down (services/working_time.py).
    """

    fields: Draft
    version: int | None = None
    page: str = ""
    settles: bool = False
    counted: float = 0.0
    active_seconds: float = 0.0


def sent_draft(fields: Iterable[tuple[str, list[str]]]) -> SentDraft:
    """What a form sent."""
    sent = dict(fields)
    settled, version = _number(first(sent, "settles")), _number(first(sent, "draft_version"))
    return SentDraft(
        fields=draft_of(sent.items()),
        version=version if settled is None else settled,
        page=page_named(first(sent, "draft_page")),
        settles=settled is not None,
        counted=_seconds(first(sent, "active_seconds")),
    )


def page_named(name: str) -> str:
    """The name that a page gave itself; empty where it is none."""
    return name if PAGE_NAME.fullmatch(name) else ""


def _seconds(text: str) -> float:
    """Counted by script; nobody can correct it by hand, so what can't be read counts as 0."""
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return seconds if isfinite(seconds) and seconds > 0 else 0.0


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def same_work(one: Draft, other: Draft) -> bool:
    """Whether two drafts say the same. The kind of line ends makes no difference."""
    return not differing(one, other)


def differing(one: Draft, other: Draft) -> list[str]:
    """The names of the fields in which two drafts differ, as static/desk/drafts/merge.js finds them."""
    return [name for name in dict.fromkeys([*one, *other]) if _entered(one, name) != _entered(other, name)]


def _entered(draft: Draft, name: str) -> list[str]:
    return [value.replace("\r\n", "\n") for value in draft.get(name, []) if value]


def is_loss(*, old: Draft, new: Draft) -> bool:
    """Returns whether the change from `old` to `new` removes so much text that the labeler may want it back."""
    return _length(old) - _length(new) >= NOTICEABLE_LOSS


def _length(draft: Draft) -> int:
    return sum(len(text) for texts in draft.values() for text in texts)


def as_lists(stored: Mapping[str, object]) -> Draft:
    """A stored draft, whoever wrote it: a lone text counts as a list of one, anything else as nothing."""
    lists: Draft = {}
    for name, value in stored.items():
        values = value if isinstance(value, list) else [value]
        lists[name] = [text for text in values if isinstance(text, str)]
    return lists


def storable(text: str) -> str:
    """NUL and lone surrogates, which Postgres refuses, as the visible replacement character."""
    return UNSTORABLE.sub("\ufffd", text)


@dataclass(frozen=True, kw_only=True)
class KeptJudgement:
    """What a ranking's draft says of one completion."""

    letter: str
    rank: str
    quality: str
    note: str


def kept_text(stored: Mapping[str, object]) -> str:
    """The text of a demonstration's draft."""
    return first(as_lists(stored), "text")


def kept_judgements(stored: Mapping[str, object], *, k: int) -> list[KeptJudgement]:
    """The completions that a ranking's draft says something of, in the order shown."""
    draft = as_lists(stored)
    judged = (
        KeptJudgement(
            letter=letter_of(position),
            rank=first(draft, f"{position}-rank"),
            quality=first(draft, f"{position}-quality"),
            note=first(draft, f"{position}-note"),
        )
        for position in range(1, k + 1)
    )
    return [each for each in judged if each.rank or each.quality or each.note]


def kept_texts(stored: Mapping[str, object]) -> str:
    """Every text that was written in a draft of a labeler's own, in the order of the form, empty lines between."""
    fields = as_lists(stored).items()
    return "\n\n".join(text for name, texts in fields if name.endswith("text") for text in texts if text.strip())


def first(draft: Draft, name: str) -> str:
    return next(iter(draft.get(name, [])), "")


def letter_of(position: int) -> str:
    """Returns the letter of a completion: A for the one shown first, I for the ninth. It says nothing of the model."""
    return "ABCDEFGHI"[position - 1]
