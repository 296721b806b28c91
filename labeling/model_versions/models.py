from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel, StatefulQuerySet
from labeling.base.states import ModelKind, ModelState


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
