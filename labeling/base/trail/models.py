"""The trail: who changed what from which value to which, whatever door they came by."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ChangeAction(models.TextChoices):
    INSERT = "insert", _("made")
    UPDATE = "update", _("changed")
    DELETE = "delete", _("deleted")


class Change(models.Model):
    """One change of one row. Triggers write it (triggers.py), so nothing goes round it; it never changes itself."""

    at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=200, help_text="The account, or the command or worker that did it.")
    action = models.CharField(max_length=8, choices=ChangeAction.choices)
    table_name = models.CharField(max_length=64)
    row_id = models.BigIntegerField()
    row_name = models.CharField(max_length=200, blank=True, help_text="What the row was called then.")
    changes = models.JSONField(default=dict, help_text="By column: [before, after]. Secrets are left out.")

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-id"]
        indexes = [models.Index(fields=["table_name", "row_id", "-id"], name="change_of_row")]

    def __str__(self) -> str:
        return f"{self.row_name or self.row_id} · {self.actor}"
