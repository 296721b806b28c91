"""The states of pay periods and surveys, and the kinds of pay entries."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PayPeriodState(models.TextChoices):
    """FROZEN: its entries are made, and only corrections are added. PAID: nothing is added any more."""

    OPEN = "open", _("Open")
    FROZEN = "frozen", _("Frozen")
    PAID = "paid", _("Paid")


class PayEntryKind(models.TextChoices):
    """BONUS follows from the campaign's terms; GIVEN is a bonus that an admin gave by hand."""

    WORK = "work", _("Work")
    BONUS = "bonus", _("Bonus")
    GIVEN = "given", _("Given bonus")
    CORRECTION = "correction", _("Correction")


class SurveyState(models.TextChoices):
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed")
