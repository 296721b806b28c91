"""The words that pages of reviewers use for kinds of work and for what a service refuses."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KIND_WORDS: dict[str, Promise] = {
    "ranking": _("Ranking"),
    "demonstration": _("Demonstration"),
    "dialogue": _("Dialogue"),
    "chat": _("Chat"),
    "own_prompt": _("Own prompt"),
    "adjudication": _("Several rankings"),
}
TITLES: dict[str, Promise] = {
    "ranking": _("Review a ranking"),
    "demonstration": _("Review a demonstration"),
    "dialogue": _("Review a dialogue"),
    "chat": _("Review a chat"),
    "own_prompt": _("Review an own prompt"),
    "adjudication": _("Compare several rankings"),
}

KEYS: tuple[tuple[str, Promise], ...] = (
    ("A", _("Accept")),
    ("R", _("Return, with a reason")),
    ("F", _("Fix it yourself")),
    ("J", _("Adjudicate all rankings of the task")),
    ("N", _("Review the next one")),
    ("1 … 9", _("Adjudicating: rank the marked completion and go on")),
    ("C", _("Adjudicating: take over the consensus")),
    ("Ctrl Enter", _("Send")),
)

OF_EMPTY_TEXTS: tuple[tuple[str, Promise], ...] = (
    ("demonstration is empty", _("The demonstration is empty.")),
    ("An answer is empty", _("An answer is empty. Write it, or leave it as it was.")),
)
"""A part of what a service tells a labeler, and the words for whoever fixes their work."""


def title_of(kind: str) -> str:
    return str(TITLES[kind])
