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

REFUSALS: tuple[tuple[str, Promise], ...] = (
    ("revised it while", _("The labeler revised it while you looked at it. Look at the new revision, then decide.")),
    ("account of this labeler is closed", _("The account of this labeler is closed, so nobody would read it. Accept "
        "or fix the work.")),
    ("Nothing is changed", _("Nothing is changed. Accept the work as it is, or change it first.")),
    ("came or changed while", _("A ranking of this task came or changed while you looked. Look again, then decide.")),
    ("not with its labeler any more", _("It is not with its labeler any more. Look at the queue.")),
    ("Fewer than two labelers", _("Fewer than two labelers ranked this task, so there is nothing to adjudicate.")),
    ("demonstration is empty", _("The demonstration is empty.")),
    ("An answer is empty", _("An answer is empty. Write it, or leave it as it was.")),
)  # fmt: skip
"""A part of what the service says, and the words for people."""


def title_of(kind: str) -> str:
    return str(TITLES[kind])
