from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.models.choices import choices, one_of
from labeling.models.model_version import ModelVersion
from labeling.models.task import RankingTask
from labeling.states import SamplingState

FINISH_REASONS = ("stop", "length", "imported")


class SamplingRun(models.Model):
    """One request for completions of a task, with all that is needed to sample them again."""

    task = models.ForeignKey(RankingTask, on_delete=models.PROTECT, related_name="sampling_runs")
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="sampling_runs"
    )
    imported_model_name = models.CharField(max_length=200, blank=True, help_text="For completions that came in a file.")
    requested = models.PositiveSmallIntegerField()
    temperature = models.FloatField(null=True, blank=True)
    top_p = models.FloatField(null=True, blank=True)
    max_new_tokens = models.PositiveIntegerField(null=True, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=choices(SamplingState), default=SamplingState.RUNNING)
    error = models.TextField(blank=True)
    worker = models.CharField(max_length=200, blank=True)
    duplicates_dropped = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sampling run")
        verbose_name_plural = _("sampling runs")
        ordering = ["-id"]
        constraints = [
            one_of("state", SamplingState, name="sampling_state_known"),
            models.CheckConstraint(
                condition=Q(imported_model_name="", model_version__isnull=False, seed__isnull=False)
                | Q(model_version=None, seed=None) & ~Q(imported_model_name=""),
                name="sampling_run_names_its_model",
            ),
        ]
        indexes = [models.Index(fields=["started_at"], condition=Q(state="running"), name="sampling_run_running")]

    def __str__(self) -> str:
        return f"Sampling run {self.pk}"

    def model_name(self) -> str:
        return self.imported_model_name or str(self.model_version)


class Completion(models.Model):
    """One sampled answer. It never changes (a trigger refuses)."""

    task = models.ForeignKey(RankingTask, on_delete=models.PROTECT, related_name="completions")
    run = models.ForeignKey(SamplingRun, on_delete=models.PROTECT, related_name="completions")
    text = models.TextField()
    text_key = models.CharField(max_length=64, help_text="sha256 of the normalised text: distinct within a task.")
    token_count = models.PositiveIntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=16)
    mean_logprob = models.FloatField(null=True, blank=True, help_text="Per token, natural logarithm, untempered.")
    seed = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = _("completion")
        verbose_name_plural = _("completions")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["task", "text_key"], name="completion_distinct_within_task"),
            one_of("finish_reason", FINISH_REASONS, name="completion_finish_reason_known"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
