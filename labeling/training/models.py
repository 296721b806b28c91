from collections.abc import Iterable
from typing import Any, Self, TypeVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel, StatefulQuerySet
from labeling.base.states import ACTIVE_RUN_STATES, Half, ModelKind, RunState, ScoringState
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion, RewardModel

STRENGTHS = [("none", _("Nothing")), ("margin", _("A margin")), ("weight", _("A weight"))]
"""What a preference's strength does in training: `--strength` of rm_trainer."""
EVALUATED = ("valid", "test")
"""Splits that nothing is trained on."""
TRIGGERS = ("rankings", "days", "manual", "loop")


class TrainingRecipe(models.Model):
    """How a reward model is trained. It never changes: a change is a new version, and each run keeps the one it had."""

    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="recipes")
    version = models.PositiveIntegerField()
    base = models.CharField(
        max_length=1000,
        blank=True,
        help_text=_("A directory or a Hugging Face id. Empty: the SFT model that is current when a run begins."),
    )
    learning_rate = models.FloatField(
        validators=[MinValueValidator(1e-9), MaxValueValidator(1.0)],
        help_text=_("At its peak. InstructGPT: 9e-6; a cosine leads to 10% of it."),
    )
    rankings_per_batch = models.PositiveIntegerField(
        validators=[MinValueValidator(1)], help_text=_("Rankings in one optimizer step. InstructGPT: 64.")
    )
    epochs = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Passes over the rankings. InstructGPT: 1; several overfit quickly."),
    )
    max_length = models.PositiveIntegerField(
        validators=[MinValueValidator(8)], help_text=_("Longest prompt with completion, in tokens.")
    )
    freeze_embeddings = models.BooleanField(
        default=False, help_text=_("Leave the token embeddings as they are; saves memory on small machines.")
    )
    lora_rank = models.PositiveIntegerField(
        default=0, help_text=_("Train adapters of this rank instead of all weights. 0: all weights.")
    )
    strength = models.CharField(
        max_length=8,
        choices=STRENGTHS,
        default="none",
        help_text=_("What it does in training how much better labelers say that a completion is."),
    )
    half = models.CharField(
        max_length=8,
        choices=Half.choices,
        default=Half.ALL,
        help_text=_("Two reward models that learn from different halves share no prompt: one can watch the other."),
    )
    label_smoothing = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.49)],
        help_text=_("Part of the pairs that is taken to be labelled the wrong way round."),
    )
    note = models.TextField(blank=True, help_text=_("Why it was changed, for whoever looks at it later."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("training recipe")
        verbose_name_plural = _("training recipes")
        ordering = ["reward_model", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["reward_model", "version"], name="training_recipe_version_unique"),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="training_recipe_version_positive"),
            one_of("half", Half, name="training_recipe_half_known"),
            one_of("strength", [value for value, _word in STRENGTHS], name="training_recipe_strength_known"),
        ]

    def __str__(self) -> str:
        return gettext("%(stage)s, recipe %(version)s") % {"stage": self.reward_model, "version": self.version}


AnyRun = TypeVar("AnyRun", bound="Run")


class RunQuerySet(StatefulQuerySet[AnyRun]):
    def active(self) -> Self:
        """Runs that are queued or under way."""
        return self.filter(state__in=ACTIVE_RUN_STATES)


class Run(StatefulModel):
    """A training in a process of its own: snapshot + configuration → checkpoint → registered version, or a failure in
    words. What every kind of run has; its points are `points`.

    `attempts` is a count of its own, beside labeling/base/attempts.py, which counts deaths of workers within a day: a
    run may take days, is begun again from its last checkpoint, and has failed only when it does not get on. So each
    step sets the count back, an orderly stop is not counted, and the death of the trainer alone is, though its worker
    lives.
    """

    trigger = models.CharField(max_length=16)
    trigger_note = models.TextField(blank=True, help_text="What set it off, in words.")
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.QUEUED)
    failure = models.TextField(blank=True)
    include_simulated = models.BooleanField(default=False)
    config = models.JSONField(default=dict, blank=True)
    snapshot = models.ForeignKey(Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="%(class)ss")
    base = models.CharField(max_length=1000, blank=True)
    output_path = models.CharField(max_length=1000, blank=True)
    log_path = models.CharField(max_length=1000, blank=True)
    model_version = models.OneToOneField(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="%(class)s"
    )
    steps_total = models.PositiveIntegerField(null=True, blank=True)
    decision = models.TextField(blank=True, help_text="Promoted or kept as candidate, and why.")
    worker = models.CharField(max_length=200, blank=True)
    claim = models.UUIDField(
        null=True, blank=True, editable=False, help_text="Names whoever does it now; another value: it was taken over."
    )
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="How often a worker began with it since it last made a step."
    )
    interruption = models.TextField(blank=True, help_text="Why it was last interrupted, to go on from there.")
    created_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="When its worker was last alive.")
    progress_at = models.DateTimeField(null=True, blank=True, help_text="When the training process last got on.")
    finished_at = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(
        null=True, blank=True, help_text="When what a failed run had left on the disk was removed."
    )

    objects = RunQuerySet.as_manager()  # type: ignore[misc]  # more than StatefulModel has

    class Meta:
        abstract = True
        ordering = ["-id"]

    def is_active(self) -> bool:
        return self.state in ACTIVE_RUN_STATES

    @property
    def curve(self) -> Any:
        """Its points, whatever their table."""
        points: models.Manager[Any] = self.points  # type: ignore[attr-defined]  # each kind's own
        return points


def run_constraints(name: str, *, triggers: Iterable[str]) -> list[models.BaseConstraint]:
    """What Postgres holds every kind of run to."""
    return [
        one_of("state", RunState, name=f"{name}_state_known"),
        one_of("trigger", triggers, name=f"{name}_trigger_known"),
        models.CheckConstraint(
            condition=~models.Q(state="failed") | ~models.Q(failure=""), name=f"{name}_failure_has_a_reason"
        ),
    ]


class RunPoint(models.Model):
    """One optimizer step as it happened: what the curves are drawn from."""

    step = models.PositiveIntegerField()
    loss = models.FloatField()
    accuracy = models.FloatField(null=True, blank=True)
    figures = models.JSONField(default=dict, blank=True, help_text="What else there is to say of the step, by name.")
    learning_rate = models.FloatField(null=True, blank=True)
    valid_loss = models.FloatField(null=True, blank=True)
    valid_accuracy = models.FloatField(null=True, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["run", "step"]

    def __str__(self) -> str:
        return f"step {self.step}"


class TrainingRun(Run):
    """A reward model's retraining. Its version is evaluated beside the current one, promoted if the rule says so."""

    kind = models.CharField(max_length=8, choices=ModelKind.choices, default=ModelKind.REWARD)
    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="training_runs")
    recipe = models.ForeignKey(TrainingRecipe, on_delete=models.PROTECT, related_name="training_runs")
    promote_simulated = models.BooleanField(
        default=False, help_text="What learned from simulated labelers may become current, if the rule says so."
    )
    beside = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="watching",
        help_text="The run of the reward model that this one's watches, which was asked for together with it.",
    )  # fmt: skip
    compared_with = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="compared_in"
    )
    evaluation = models.JSONField(default=dict, blank=True, help_text="New and old on the frozen test set.")
    promotion = models.JSONField(
        default=dict, blank=True, help_text="What was decided by: the rule, both comparisons, and which of them hold."
    )

    class Meta(Run.Meta):
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "reward_model"],
                condition=models.Q(state__in=[state.value for state in ACTIVE_RUN_STATES]),
                name="training_run_one_at_a_time",
            ),
            one_of("kind", ModelKind, name="training_run_kind_known"),
            *run_constraints("training_run", triggers=TRIGGERS),
        ]

    def __str__(self) -> str:
        return gettext("Training run %(number)s") % {"number": self.pk}


class TrainingPoint(RunPoint):
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="points")

    class Meta(RunPoint.Meta):
        verbose_name = _("training point")
        verbose_name_plural = _("training points")
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="training_point_step_unique")]


class ModelComparison(StatefulModel):
    """Two reward models of somebody's choice on the same rankings: asked for, then measured by a training worker."""

    first = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="comparisons")
    split = models.CharField(max_length=8)
    state = models.CharField(max_length=16, choices=ScoringState.choices, default=ScoringState.WAITING)
    result = models.JSONField(null=True, blank=True, help_text="Figures of both, and of their difference.")
    failure = models.TextField(blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("comparison of reward models")
        verbose_name_plural = _("comparisons of reward models")
        ordering = ["-id"]
        constraints = [
            one_of("state", ScoringState, name="model_comparison_state_known"),
            one_of("split", EVALUATED, name="model_comparison_split_known"),
            models.CheckConstraint(condition=~models.Q(first=models.F("second")), name="model_comparison_of_two"),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | models.Q(result__isnull=False),
                name="model_comparison_ready_has_a_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first} – {self.second}"
