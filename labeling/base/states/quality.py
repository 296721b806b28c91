"""The states of gold items, checks, reviews and reports."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class GoldState(models.TextChoices):
    """RETIRED: it is measured no more; what was measured by it stays."""

    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class CheckKind(models.TextChoices):
    """GOLD: the right answer is known. REPEAT: the labeler ranked the same before."""

    GOLD = "gold", _("Gold")
    REPEAT = "repeat", _("Repeat")


class ReviewReason(models.TextChoices):
    """Why work stands in the reviewers' queue, the most urgent first.

    ANSWERED: its labeler revised or answered what was returned. CHANGED: handed in after the task was adjudicated.
    """

    ANSWERED = "answered", _("Answered")
    ASKED_FOR = "asked_for", _("Asked for")
    CHANGED = "changed", _("Changed since adjudicated")
    LOW_AGREEMENT = "low_agreement", _("Low agreement")
    DOUBTFUL = "doubtful", _("Doubtful")
    NEW_LABELER = "new_labeler", _("New labeler’s work")
    RANDOM = "random", _("Random share")


class ReviewState(models.TextChoices):
    """ANSWERED: what was returned was revised or answered, and waits as a review of its own. WITHDRAWN: no decision."""

    WAITING = "waiting", _("Waiting")
    ACCEPTED = "accepted", _("Accepted")
    RETURNED = "returned", _("Returned")
    ANSWERED = "answered", _("Answered")
    FIXED = "fixed", _("Fixed")
    ADJUDICATED = "adjudicated", _("Adjudicated")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ReportState(models.TextChoices):
    """What became of a report that a task is broken."""

    OPEN = "open", _("Open")
    SET_ASIDE = "set_aside", _("Set aside")
    DISMISSED = "dismissed", _("Dismissed")
