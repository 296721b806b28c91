"""The states of snapshots that were asked for, and which rankings a snapshot holds."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ExportState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class LabelsChosen(models.TextChoices):
    """Which rankings an export holds of a task that several people ranked."""

    ALL = "all", _("All: each labeler's own")
    CONSENSUS = "consensus", _("Consensus: one a task")
    ADJUDICATED = "adjudicated", _("Adjudicated tasks alone")
