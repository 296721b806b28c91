from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel, StatefulQuerySet
from labeling.base.states import CheckState, ModelKind, ModelState


class ModelVersionQuerySet(StatefulQuerySet["ModelVersion"]):
    def current(self, kind: ModelKind | None = None) -> "ModelVersionQuerySet":
        """The version of the kind that is in use, one at the most; of each kind unless one is named."""
        current = self.filter(state=ModelState.CURRENT)
        return current if kind is None else current.filter(kind=kind)


class ModelVersion(StatefulModel):
    """A checkpoint on disk, safetensors only. Which weights it names never changes; only its state does."""

    kind = models.CharField(max_length=8, choices=ModelKind.choices)
    name = models.CharField(max_length=200, unique=True)
    path = models.CharField(max_length=1000, help_text="A directory with config.json, a tokenizer and *.safetensors.")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    snapshot = models.ForeignKey(
        "labeling.Snapshot", null=True, blank=True, on_delete=models.PROTECT, related_name="model_versions"
    )
    metrics = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=16, choices=ModelState.choices, default=ModelState.CANDIDATE)
    state_reason = models.TextField(blank=True, help_text="Why it was promoted, kept as candidate or retired.")
    created_at = models.DateTimeField(auto_now_add=True)
    promoted_at = models.DateTimeField(null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()  # type: ignore[misc]  # more than StatefulModel has

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(state=ModelState.CURRENT.value), name="model_one_current_per_kind"
            ),
            one_of("kind", ModelKind, name="model_kind_known"),
            one_of("state", ModelState, name="model_state_known"),
            not_blank("path", name="model_path_not_blank"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def last_check(self) -> "ModelCheck | None":
        """What came of the last time that a worker was to load it; None for one that nobody was asked to try."""
        return self.checks.order_by("-pk").first()


class ModelCheck(StatefulModel):
    """A worker loads a model version and uses it once: samples from an SFT model, scores with a reward model."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="checks")
    state = models.CharField(max_length=16, choices=CheckState.choices, default=CheckState.WAITING)
    result = models.TextField(blank=True, help_text="What the model gave: a text, or rewards.")
    failure = models.TextField(blank=True)
    promotion_reason = models.TextField(
        blank=True, help_text="Where there is one, the version is promoted as soon as it has passed."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker began with it.")
    worker = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked for it.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("model check")
        verbose_name_plural = _("model checks")
        ordering = ["-id"]
        constraints = [
            one_of("state", CheckState, name="model_check_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", failure="", finished_at=None)
                | Q(state="passed", failure="", finished_at__isnull=False)
                | Q(state="failed", failure__regex=r"\S", finished_at__isnull=False),
                name="model_check_state_matches_its_result",
            ),
            models.UniqueConstraint(
                fields=["model_version"], condition=Q(state="waiting"), name="model_check_one_waiting_a_version"
            ),
        ]

    def __str__(self) -> str:
        return f"Check of {self.model_version}"
