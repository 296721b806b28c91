import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import ExportState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import Ranking
from labeling.imports.models import PromptImport
from labeling.people.models import Labeler


class Snapshot(models.Model):
    """An exported directory (docs/data-contract.md). Neither the directory nor this row ever changes."""

    path = models.CharField(max_length=1000, unique=True)
    as_of = models.DateTimeField()
    filters = models.JSONField()
    counts = models.JSONField()
    left_out = models.JSONField(
        default=dict, blank=True, help_text="How many labels were left out, by kind of label and by why."
    )
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
        return gettext("Snapshot %(number)s as of %(moment)s") % {
            "number": self.pk,
            "moment": f"{self.as_of:%Y-%m-%d %H:%M}",
        }


class SnapshotRequest(StatefulModel):
    """Somebody asks for a snapshot, which a worker makes: it may take longer than a web request may."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in its address.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="snapshot_requests")
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
        return gettext("Export %(number)s") % {"number": self.pk}


TARGETS = ("ranking", "demonstration", "labeler", "campaign", "prompt_import", "prompt")
"""What can be left out of training: the columns of Exclusion that name it."""


def _one_of_the_targets() -> Q:
    """Exactly one of TARGETS is set."""
    condition = Q()
    for target in TARGETS:
        others: dict[str, Any] = dict.fromkeys((each for each in TARGETS if each != target), None)
        condition |= Q(**{f"{target}__isnull": False}, **others)
    return condition


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    def in_force(self, *, as_of: datetime | None = None) -> "ExclusionQuerySet":
        """Those that hold now, or held at that time."""
        if as_of is None:
            return self.filter(ended_at=None)
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=as_of), excluded_at__lte=as_of)


class Exclusion(models.Model):
    """Labels that are left out of snapshots, and so of training and evaluation, until they are taken in again.

    Exactly one of TARGETS is set. Only its end is written later; whatever is left out once more is a new row.
    """

    ranking = models.ForeignKey(
        Ranking, null=True, blank=True, on_delete=models.PROTECT, related_name="exclusions",
        help_text="With all its revisions and its edit.",
    )  # fmt: skip
    demonstration = models.ForeignKey(
        Demonstration, null=True, blank=True, on_delete=models.PROTECT, related_name="exclusions",
        help_text="With all its revisions.",
    )  # fmt: skip
    labeler = models.ForeignKey(Labeler, null=True, blank=True, on_delete=models.PROTECT, related_name="exclusions")
    since = models.DateTimeField(
        null=True, blank=True, help_text="Of a labeler: what they handed in from then on. Empty: everything."
    )
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="exclusions")
    prompt_import = models.ForeignKey(
        PromptImport, null=True, blank=True, on_delete=models.PROTECT, related_name="exclusions",
        help_text="What it brought, and what was handed in on its prompts.",
    )  # fmt: skip
    prompt = models.ForeignKey(
        Prompt, null=True, blank=True, on_delete=models.PROTECT, related_name="exclusions",
        help_text="Withdrawn by whoever wrote it: every label of it.",
    )  # fmt: skip
    reason = models.TextField()
    excluded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    excluded_at = models.DateTimeField(db_default=Now())
    end_reason = models.TextField(blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ExclusionQuerySet.as_manager()

    class Meta:
        verbose_name = _("exclusion")
        verbose_name_plural = _("exclusions")
        ordering = ["-id"]
        constraints = [
            not_blank("reason", name="exclusion_says_why"),
            models.CheckConstraint(condition=_one_of_the_targets(), name="exclusion_has_one_target"),
            models.CheckConstraint(
                condition=Q(since=None) | Q(labeler__isnull=False), name="exclusion_since_of_labeler"
            ),
            *(
                models.UniqueConstraint(
                    fields=[target], condition=Q(ended_at=None), name=f"exclusion_once_per_{target}"
                )
                for target in TARGETS
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(target)s left out") % {"target": self.target}

    @property
    def kind(self) -> str:
        """Which of TARGETS is set."""
        return next(target for target in TARGETS if getattr(self, f"{target}_id") is not None)

    @property
    def target(self) -> Any:
        """The row that is left out."""
        return getattr(self, self.kind)
