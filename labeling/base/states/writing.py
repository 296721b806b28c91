"""The kinds and states of what labelers begin themselves, and of the model's suggestions for it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class CompositionKind(models.TextChoices):
    """What a labeler may begin without being handed it: both sides of a dialogue, a chat with the model, a prompt."""

    DIALOGUE = "dialogue", _("Dialogue")
    CHAT = "chat", _("Chat")
    OWN_PROMPT = "own_prompt", _("Own prompt")
    EDIT = "edit", _("Edit")


class CompositionState(models.TextChoices):
    OPEN = "open", _("Open")
    SUBMITTED = "submitted", _("Submitted")
    DISCARDED = "discarded", _("Discarded")


class SuggestionState(models.TextChoices):
    """CANCELLED: the labeler went on without, asked anew, or closed the writing."""

    WAITING = "waiting", _("Waiting")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class SuggestionFailure(models.TextChoices):
    NO_MODEL = "no_model", _("No model")
    TOO_LONG = "too_long", _("Too long")
    TOO_LATE = "too_late", _("Too late")
    ERROR = "error", _("Error")


class SuggestionOutcome(models.TextChoices):
    USED = "used", _("Used")
    EDITED = "edited", _("Edited")
    DISMISSED = "dismissed", _("Dismissed")
