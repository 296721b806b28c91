from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank


class Snapshot(models.Model):
    """An exported directory (docs/data-contract.md). Neither the directory nor this row ever changes."""

    path = models.CharField(max_length=1000, unique=True)
    as_of = models.DateTimeField()
    filters = models.JSONField()
    counts = models.JSONField()
    sha256 = models.CharField(max_length=64, help_text="The manifest's own hash.")
    bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        ordering = ["-id"]
        constraints = [
            not_blank("path", name="snapshot_path_not_blank"),
            models.CheckConstraint(condition=models.Q(sha256__regex="^[0-9a-f]{64}$"), name="snapshot_sha256_is_one"),
        ]

    def __str__(self) -> str:
        return f"Snapshot {self.pk} as of {self.as_of:%Y-%m-%d %H:%M}"
