"""How the pure states become Django choices and CHECK constraints."""

from collections.abc import Iterable
from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

# Every state and kind in words, so that translators find them.
WORDS = {
    "active": _("Active"),
    "api": _("API"),
    "brainstorming": _("Brainstorming"),
    "broken": _("Broken"),
    "cancelled": _("Cancelled"),
    "candidate": _("Candidate"),
    "chat": _("Chat"),
    "classification": _("Classification"),
    "closed": _("Closed"),
    "closed_qa": _("Closed QA"),
    "current": _("Current"),
    "demonstration": _("Demonstration"),
    "dialogue": _("Dialogue"),
    "discarded": _("Discarded"),
    "kept": _("Kept as it was"),
    "dismissed": _("Dismissed"),
    "done": _("Done"),
    "draft": _("Draft"),
    "edited": _("Edited"),
    "error": _("Error"),
    "edit": _("Edit"),
    "evaluating": _("Evaluating"),
    "exporting": _("Exporting"),
    "extract": _("Extract"),
    "failed": _("Failed"),
    "generation": _("Generation"),
    "harmful_to_me": _("Harmful to me"),
    "hate": _("Hate and insults"),
    "held_out": _("Held out"),
    "import": _("Import"),
    "invited": _("Invited"),
    "labeler_few_shot": _("Labeler, few-shot"),
    "labeler_plain": _("Labeler, plain"),
    "labeler_user_based": _("Labeler, user-based"),
    "lapsed": _("Lapsed"),
    "no_model": _("No model"),
    "medical": _("Illness and medicine"),
    "no_expertise": _("No expertise"),
    "open": _("Open"),
    "open_qa": _("Open QA"),
    "other": _("Other"),
    "other_sensitive": _("Other sensitive content"),
    "own_prompt": _("Own prompt"),
    "paused": _("Paused"),
    "queued": _("Queued"),
    "ranking": _("Ranking"),
    "ready": _("Ready"),
    "retired": _("Retired"),
    "reward": _("Reward"),
    "rewrite": _("Rewrite"),
    "running": _("Running"),
    "sampling": _("Sampling"),
    "screening": _("Screening"),
    "self_harm": _("Self-harm and suicide"),
    "set_aside": _("Set aside"),
    "sexual": _("Sexual content"),
    "sft": _("SFT"),
    "skipped": _("Skipped"),
    "submitted": _("Submitted"),
    "summarization": _("Summarization"),
    "suspended": _("Suspended"),
    "too_late": _("Too late"),
    "too_long": _("Too long"),
    "training": _("Training"),
    "unclear": _("Unclear"),
    "used": _("Used"),
    "waiting": _("Waiting"),
    "violence": _("Violence"),
    "wrong_language": _("Wrong language"),
}

# Llama 2 §3.2.1: how much better the upper of two ranks is.
STRENGTH_WORDS = {
    4: _("Significantly better"),
    3: _("Better"),
    2: _("Slightly better"),
    1: _("Negligibly better or unsure"),
}


def choices(states: type[StrEnum]) -> list[tuple[str, StrPromise]]:
    """(value, label) pairs in the order of definition."""
    return [(state.value, WORDS[state.value]) for state in states]


def one_of(field: str, values: Iterable[str], *, name: str) -> models.CheckConstraint:
    """Postgres refuses a value that is not one of the listed."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": [str(value) for value in values]}), name=name)


def not_blank(field: str, *, name: str) -> models.CheckConstraint:
    """Postgres refuses a text of nothing but white space."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__regex": r"\S"}), name=name)
