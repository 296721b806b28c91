from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel, StatefulQuerySet
from labeling.base.states import ACTIVE_RUN_STATES, ModelKind, RunState
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion

TRIGGERS = ("rankings", "days", "manual")


class TrainingRunQuerySet(StatefulQuerySet["TrainingRun"]):
    def active(self) -> "TrainingRunQuerySet":
        """Runs that are queued or under way: one of a kind at the most."""
        return self.filter(state__in=ACTIVE_RUN_STATES)


class TrainingRun(StatefulModel):
    """One retraining: snapshot + configuration → checkpoint → evaluation → registered version, or a stated failure."""

    kind = models.CharField(max_length=8, choices=ModelKind.choices, default=ModelKind.REWARD)
    trigger = models.CharField(max_length=16)
    trigger_note = models.TextField(blank=True, help_text="What set it off, in words.")
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.QUEUED)
    failure = models.TextField(blank=True)
    include_simulated = models.BooleanField(default=False)
    config = models.JSONField(default=dict, blank=True)
    snapshot = models.ForeignKey(
        Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="training_runs"
    )
    base = models.CharField(max_length=1000, blank=True)
    output_path = models.CharField(max_length=1000, blank=True)
    log_path = models.CharField(max_length=1000, blank=True)
    model_version = models.OneToOneField(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="training_run"
    )
    compared_with = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="compared_in"
    )
    steps_total = models.PositiveIntegerField(null=True, blank=True)
    evaluation = models.JSONField(default=dict, blank=True, help_text="New and old on the frozen test set.")
    decision = models.TextField(blank=True, help_text="Promoted or kept as candidate, and why.")
    promotion = models.JSONField(
        default=dict, blank=True, help_text="What was decided by: the rule, both comparisons, and which of them hold."
    )
    worker = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TrainingRunQuerySet.as_manager()  # type: ignore[misc]  # more than StatefulModel has

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(state__in=[state.value for state in ACTIVE_RUN_STATES]),
                name="training_run_one_at_a_time",
            ),
            one_of("kind", ModelKind, name="training_run_kind_known"),
            one_of("state", RunState, name="training_run_state_known"),
            one_of("trigger", TRIGGERS, name="training_run_trigger_known"),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(failure=""), name="training_run_failure_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"Training run {self.pk}"

    def is_active(self) -> bool:
        return self.state in ACTIVE_RUN_STATES


class TrainingPoint(models.Model):
    """One optimizer step as it happened: what the loss curve is drawn from."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="points")
    step = models.PositiveIntegerField()
    loss = models.FloatField()
    accuracy = models.FloatField(null=True, blank=True)
    learning_rate = models.FloatField(null=True, blank=True)
    valid_loss = models.FloatField(null=True, blank=True)
    valid_accuracy = models.FloatField(null=True, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("training point")
        verbose_name_plural = _("training points")
        ordering = ["run", "step"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="training_point_step_unique")]

    def __str__(self) -> str:
        return f"step {self.step}"
