from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import SamplingFailure, SamplingState
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models.tasks import RankingTask


class SamplingRun(StatefulModel):
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
    state = models.CharField(max_length=16, choices=SamplingState.choices, default=SamplingState.RUNNING)
    error = models.TextField(blank=True)
    failure = models.CharField(max_length=16, blank=True, choices=SamplingFailure.choices)
    worker = models.CharField(max_length=200, blank=True)
    worker_lock = models.BigIntegerField(db_default=0, help_text="Held by the worker as long as it lives.")
    duplicates_dropped = models.PositiveSmallIntegerField(default=0)
    repeated_key = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="text_key of the completion that it gave again, where models are compared: they tie.",
    )
    best_of = models.PositiveSmallIntegerField(
        default=1, help_text="Each completion was picked among so many samples. 1: none was."
    )
    picked_by = models.ForeignKey(
        ModelVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The reward model that picked them.",
    )
    demonstration = models.ForeignKey(
        "labeling.Demonstration",  # of labeling/desk, which comes later
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The ideal answer that is its completion; then no model was asked.",
    )
    new_tokens = models.PositiveIntegerField(
        null=True, blank=True, help_text="Sampled, those of samples that were not kept among them."
    )
    seconds = models.FloatField(
        null=True, blank=True, help_text="Its share, by tokens, of the time that its worker took."
    )
    first_token_seconds = models.FloatField(
        null=True, blank=True, help_text="Until the first token of the first of its samples, where the sampler tells."
    )
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sampling run")
        verbose_name_plural = _("sampling runs")
        ordering = ["-id"]
        constraints = [
            one_of("state", SamplingState, name="sampling_state_known"),
            one_of("failure", ["", *SamplingFailure], name="sampling_failure_known"),
            models.CheckConstraint(
                condition=Q(imported_model_name="", model_version__isnull=False, seed__isnull=False, demonstration=None)
                | Q(model_version=None, seed=None, demonstration=None) & ~Q(imported_model_name="")
                | Q(model_version=None, seed=None, imported_model_name="", demonstration__isnull=False),
                name="sampling_run_names_its_model",
            ),
            models.CheckConstraint(
                condition=Q(best_of=1, picked_by=None) | Q(best_of__gte=2, picked_by__isnull=False),
                name="sampling_run_names_what_picked",
            ),
        ]
        indexes = [
            models.Index(fields=["started_at"], condition=Q(state="running"), name="sampling_run_running"),
            # Whether the last ones failed, and how many there were within the hour (the front page).
            models.Index(fields=["finished_at"], condition=Q(imported_model_name=""), name="sampling_run_finished"),
        ]

    def __str__(self) -> str:
        return gettext("Sampling run %(number)s") % {"number": self.pk}

    def model_name(self) -> str:
        """In the admin, in the reader's language where no model wrote it."""
        if self.demonstration_id is not None:
            return gettext("Demonstration")
        return self.imported_model_name or str(self.model_version)


class SamplerReport(models.Model):
    """What the sampler in a worker's memory has done and holds, as the worker said it last."""

    worker = models.CharField(max_length=255, unique=True)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    sight = models.JSONField(help_text="SamplerSight of sampler/protocol.py.")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("sampler report")
        verbose_name_plural = _("sampler reports")
        ordering = ["worker"]

    def __str__(self) -> str:
        return f"{self.worker}: {self.model_version}"
