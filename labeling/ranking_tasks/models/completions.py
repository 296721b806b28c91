from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import RankingTask

FINISH_REASONS = ("stop", "length", "imported", "written")
"""WRITTEN: a labeler's demonstration."""


DRAWN = (
    "token_count", "finish_reason", "mean_logprob", "seed", "token_ids", "logprobs", "first_token_seconds", "seconds",
)  # fmt: skip
"""Columns of a completion, and of a suggestion, that say how a model drew it."""


class Drawn(models.Model):
    """What a sampler may tell of each token and of the time: null where it did not."""

    token_ids = ArrayField(
        models.IntegerField(),
        null=True,
        blank=True,
        editable=False,
        help_text="What was drawn: in bfloat16 the same seed beside other completions can draw another token.",
    )
    logprobs = ArrayField(
        models.FloatField(), null=True, blank=True, editable=False, help_text="Of each token, as the mean is."
    )
    first_token_seconds = models.FloatField(
        null=True, blank=True, editable=False, help_text="From when it was asked for until its first token."
    )
    seconds = models.FloatField(
        null=True, blank=True, editable=False, help_text="From when it was asked for until its end."
    )

    class Meta:
        abstract = True


class Completion(Drawn):
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


class RenderedCompletion(models.Model):
    """A completion as safe HTML, made when its task became ready, so that no labeler waits for a parser.

    Saves 8.2 ± 1.2 ms of processor time an operation, which takes 16.8 ms with it (docs/architecture.md, Speed).
    Derived: rows may be deleted at any time, and those of another renderer than today's are passed over.
    """

    completion = models.OneToOneField(Completion, primary_key=True, on_delete=models.CASCADE, related_name="rendered")
    renderer = models.CharField(max_length=16, help_text="RENDERER of labeling/markdown.py when it was made.")
    html = models.TextField()
    raw = models.TextField(help_text="As it was written, every character shown.")

    class Meta:
        verbose_name = _("rendered completion")
        verbose_name_plural = _("rendered completions")

    def __str__(self) -> str:
        return f"HTML of completion {self.pk}"
