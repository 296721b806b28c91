import uuid

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import ExportState


class Snapshot(models.Model):
    """An exported directory (docs/data-contract.md). Neither the directory nor this row ever changes."""

    path = models.CharField(max_length=1000, unique=True)
    as_of = models.DateTimeField()
    filters = models.JSONField()
    counts = models.JSONField()
    sha256 = models.CharField(max_length=64, help_text="The manifest's own hash.")
    bytes = models.PositiveBigIntegerField()
    made_by = models.CharField(max_length=200, blank=True, help_text="Who or what asked for it.")
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


class SnapshotRequest(StatefulModel):
    """Somebody asks for a snapshot, which a worker makes: it may take longer than a web request may."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in its address.")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="snapshot_requests")
    options = models.JSONField(help_text="What write_snapshot is given, times as ISO 8601.")
    state = models.CharField(max_length=16, choices=ExportState.choices, default=ExportState.WAITING)
    snapshot = models.ForeignKey(Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="requests")
    failure = models.TextField(blank=True)
    asked_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked for it.")
    worker = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-id"]
        constraints = [
            one_of("state", ExportState, name="snapshot_request_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", snapshot=None, failure="", finished_at=None)
                | Q(state="done", snapshot__isnull=False, failure="", finished_at__isnull=False)
                | Q(state="failed", snapshot=None, failure__regex=r"\S", finished_at__isnull=False),
                name="snapshot_request_state_matches_its_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"Export {self.pk}"
