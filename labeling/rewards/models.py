import uuid

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import ScoringState
from labeling.desk.ranking.models import Ranking
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models.completions import Completion


class RewardScore(models.Model):
    """What one reward model gives one completion, or why it can't. Labelers never see it. It never changes."""

    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="reward_scores")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="reward_scores")
    reward = models.FloatField(
        null=True, blank=True, help_text="0 is as good as the demonstrations of its training data."
    )
    problem = models.TextField(blank=True)
    scored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        ordering = ["completion", "model_version"]
        constraints = [
            models.UniqueConstraint(fields=["model_version", "completion"], name="reward_score_once"),
            models.CheckConstraint(
                condition=Q(reward__isnull=False, problem="") | Q(reward=None, problem__regex=r"\S"),
                name="reward_score_or_a_problem",
            ),
        ]

    def __str__(self) -> str:
        return "–" if self.reward is None else f"{self.reward:+.2f}"


class PreferenceMargin(models.Model):
    """How far one reward model agrees with one ranking: the rewards of what was preferred minus those of the rest.

    Wang et al. 2024 ("Secrets of RLHF in LLMs II"): the pairs with the lowest mean difference are where labels are
    wrong. Measured once per ranking and model, and never changed.
    """

    ranking = models.ForeignKey(Ranking, on_delete=models.PROTECT, related_name="preference_margins")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="preference_margins")
    pairs = models.PositiveSmallIntegerField()
    mean = models.FloatField(help_text="Over its comparisons: reward of the chosen minus reward of the rejected.")
    lowest = models.FloatField(help_text="Of its comparisons the one that the model contradicts most.")
    trained_on = models.BooleanField(
        null=True, help_text="Whether the model was trained on this ranking; empty where nobody knows its snapshot."
    )
    measured_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("doubtful label")
        verbose_name_plural = _("doubtful labels")
        ordering = ["mean"]
        constraints = [
            models.UniqueConstraint(fields=["model_version", "ranking"], name="preference_margin_once"),
            models.CheckConstraint(condition=Q(pairs__gte=1), name="preference_margin_has_pairs"),
            models.CheckConstraint(
                condition=Q(lowest__lte=models.F("mean")), name="preference_margin_lowest_is_lowest"
            ),
        ]
        indexes = [models.Index(fields=["model_version", "mean"], name="preference_margin_by_mean")]

    def __str__(self) -> str:
        return f"{self.ranking}: {self.mean:+.2f}"


class ScoringRequest(StatefulModel):
    """A program asks through the API for rewards of completions that need not be in the database."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in its address.")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="scoring_requests")
    items = models.JSONField(help_text="List of {prompt: messages, completions: texts}.")
    state = models.CharField(max_length=16, choices=ScoringState.choices, default=ScoringState.WAITING)
    scores = models.JSONField(null=True, blank=True, help_text="List of {rewards, problems}, one per item, in order.")
    failure = models.TextField(blank=True)
    wanted = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="The version that was named; empty: the default reward model's current one when it is answered.",
    )  # fmt: skip
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="scoring_requests"
    )
    asked_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked for it.")
    worker = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("scoring request")
        verbose_name_plural = _("scoring requests")
        ordering = ["-id"]
        constraints = [
            one_of("state", ScoringState, name="scoring_request_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", scores__isnull=True, failure="", finished_at=None)
                | Q(
                    state="ready",
                    scores__isnull=False,
                    failure="",
                    model_version__isnull=False,
                    finished_at__isnull=False,
                )
                | Q(state="failed", scores__isnull=True, failure__regex=r"\S", finished_at__isnull=False),
                name="scoring_request_state_matches_its_answer",
            ),
        ]
        indexes = [
            models.Index(fields=["asked_at"], condition=Q(state="waiting"), name="scoring_request_waiting"),
            # How many somebody asked for within a minute.
            models.Index(fields=["asked_by", "asked_at"], name="scoring_request_by_asker"),
        ]

    def __str__(self) -> str:
        return gettext("Scoring request %(number)s") % {"number": self.pk}
