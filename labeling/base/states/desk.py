"""The states of work that is handed out, and what a labeler says of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AssignmentKind(models.TextChoices):
    DEMONSTRATION = "demonstration", _("Demonstration")
    RANKING = "ranking", _("Ranking")


class AssignmentState(models.TextChoices):
    """LAPSED: the lease ran out; the slot went back to the queue and the draft stays with its author."""

    OPEN = "open", _("Open")
    SUBMITTED = "submitted", _("Submitted")
    SKIPPED = "skipped", _("Skipped")
    LAPSED = "lapsed", _("Lapsed")


class RevisionState(models.TextChoices):
    """KEPT: the labeler left what was handed in as it was."""

    OPEN = "open", _("Open")
    SUBMITTED = "submitted", _("Submitted")
    KEPT = "kept", _("Kept as it was")


class SkipReason(models.TextChoices):
    UNCLEAR = "unclear", _("Unclear")
    NO_EXPERTISE = "no_expertise", _("No expertise")
    HARMFUL_TO_ME = "harmful_to_me", _("Harmful to me")
    WRONG_LANGUAGE = "wrong_language", _("Wrong language")
    BROKEN = "broken", _("Broken")


class Strength(models.IntegerChoices):
    """How much better the upper of two ranks is (Llama 2, §3.2.1)."""

    SIGNIFICANTLY = 4, _("Significantly better")
    BETTER = 3, _("Better")
    SLIGHTLY = 2, _("Slightly better")
    NEGLIGIBLY = 1, _("Negligibly better or unsure")
