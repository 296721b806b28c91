from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import EvaluationState, Verdict
from labeling.campaigns.models.campaigns import Campaign
from labeling.evaluations.rules.planning import Rule
from labeling.model_versions.models import ModelVersion

SPLITS = [("test", _("Test")), ("valid", _("Validation"))]
"""From which prompts may come: no model learns from these."""


class Evaluation(StatefulModel):
    """Whether people prefer the answers of one model to those of another: blind, on held-out prompts.

    It is planned, then made into a campaign whose tasks have one completion of each model. What was planned stays.
    """

    name = models.CharField(max_length=200, help_text=_("For those who run it. Labelers never see it."))
    state = models.CharField(max_length=16, choices=EvaluationState.choices, default=EvaluationState.PLANNED)
    source = models.ForeignKey(
        Campaign,
        on_delete=models.PROTECT,
        related_name="evaluations",
        help_text=_("Its held-out prompts are asked, under its instructions and rubric."),
    )
    campaign = models.OneToOneField(
        Campaign,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="evaluation",
        help_text=_("In which labelers rank the answers, once it is started."),
    )
    candidate = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    baseline = models.ForeignKey(
        ModelVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("What the candidate is held against. Empty: human demonstrations."),
    )
    others = models.ManyToManyField(
        ModelVersion, blank=True, related_name="+", help_text=_("Ranked beside the two, and no part of the decision.")
    )
    demonstrations = models.BooleanField(
        default=False, help_text=_("A demonstration is ranked among the answers; then only prompts with one are asked.")
    )
    split = models.CharField(max_length=8, choices=SPLITS, default="test")
    held_out_only = models.BooleanField(
        default=True, help_text=_("Only held-out labelers judge, whose work no reward model has learned from.")
    )
    margin = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.4)],
        help_text=_("It passes where its win rate is above 50% less this. 0: it has to be better."),
    )
    confidence = models.FloatField(default=0.95, validators=[MinValueValidator(0.5), MaxValueValidator(0.999)])
    gain = models.FloatField(
        default=0.1,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.4)],
        help_text=_("It is planned for a candidate that wins so much more than 50%."),
    )
    power = models.FloatField(
        default=0.8,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text=_("The chance that such a candidate passes."),
    )
    rankings_per_prompt = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    size = models.PositiveIntegerField(editable=False, help_text=_("How many prompts are judged at the most."))
    promote_automatically = models.BooleanField(
        default=False, help_text=_("The candidate is promoted as soon as it has passed. Otherwise that is a button.")
    )
    verdict = models.CharField(max_length=16, blank=True, choices=Verdict.choices)
    decision = models.JSONField(null=True, blank=True, help_text="Decision of rules/gate.py.")
    note = models.TextField(blank=True, help_text=_("Why it was stopped, or what became of the promotion."))
    planned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ["-id"]
        constraints = [
            not_blank("name", name="evaluation_name_not_blank"),
            one_of("state", EvaluationState, name="evaluation_state_known"),
            one_of("verdict", ["", *Verdict], name="evaluation_verdict_known"),
            one_of("split", dict(SPLITS), name="evaluation_split_is_held_out"),
            models.CheckConstraint(
                condition=Q(baseline=None, demonstrations=True)
                | Q(baseline__isnull=False) & ~Q(candidate=F("baseline")),
                name="evaluation_compares_two",
            ),
            models.CheckConstraint(
                condition=Q(margin__gte=0, margin__lte=0.4, gain__gte=0, gain__lte=0.4)
                & (Q(margin__gt=0) | Q(gain__gt=0)),
                name="evaluation_difference_range",
            ),
            models.CheckConstraint(
                condition=Q(confidence__gte=0.5, confidence__lte=0.999, power__gte=0.5, power__lte=0.999),
                name="evaluation_confidence_range",
            ),
            models.CheckConstraint(
                condition=Q(size__gte=1, rankings_per_prompt__gte=1), name="evaluation_size_positive"
            ),
            models.CheckConstraint(
                condition=Q(state="planned", campaign=None, verdict="", started_at=None)
                | Q(state="running", campaign__isnull=False, verdict="", ended_at=None)
                | Q(state="done", campaign__isnull=False, ended_at__isnull=False) & ~Q(verdict="")
                | Q(state="stopped", verdict="", ended_at__isnull=False),
                name="evaluation_state_matches_its_result",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rule(self) -> Rule:
        return Rule(margin=self.margin, confidence=self.confidence, gain=self.gain, power=self.power)

    def versions(self) -> list[ModelVersion]:
        """The models that are compared: the candidate, the baseline where it is one, the others."""
        named = [self.candidate, *([self.baseline] if self.baseline else [])]
        return [*named, *self.others.order_by("pk")]
