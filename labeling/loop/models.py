from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import OPEN_TURN_STATES, RewardGate, TurnState
from labeling.campaigns.models.campaigns import Campaign
from labeling.evaluations.models import SPLITS, Evaluation
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.policies.models import PolicyRun
from labeling.training.models import TrainingRun

STEPS = [(state.value, state.label) for state in OPEN_TURN_STATES]
"""The steps of a turn, each of which may be paused after."""


class Loop(models.Model):
    """How one reward model's turns go on by themselves: from new rankings to a promoted policy. Its columns are the
    gates, which hold from the next look on.
    """

    reward_model = models.OneToOneField(RewardModel, on_delete=models.PROTECT, related_name="loop")
    source = models.ForeignKey(
        Campaign,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Each new policy is evaluated on its held-out prompts, under its instructions and rubric."),
    )
    paused = models.BooleanField(default=True, help_text=_("Nothing new begins. What is under way ends."))
    paused_because = models.TextField(blank=True)
    pauses_after = ArrayField(
        models.CharField(max_length=16, choices=STEPS),
        default=list,
        blank=True,
        help_text=_("In every turn it waits for you after these steps."),
    )
    min_new_rankings = models.PositiveIntegerField(
        default=500, validators=[MinValueValidator(1)], help_text=_("So many new rankings begin a turn.")
    )
    reward_gate = models.CharField(
        max_length=16,
        choices=RewardGate.choices,
        default=RewardGate.PROMOTED,
        help_text=_("What is asked of the new reward model before a policy is trained against it."),
    )
    least_gain = models.FloatField(
        null=True,
        blank=True,
        default=0.0,
        help_text=_(
            "What the reward on held-out prompts must have gained, of the watching reward model where there is one. "
            "Empty: nothing is asked."
        ),
    )
    most_kl = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0)],
        help_text=_("How far the policy may be from its start, nats an answer. Empty: as far as its recipe allows."),
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
    mixture_share = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_(
            "The share of a promoted policy in campaigns whose mixture names versions. Others sample it anyway, as the "
            "current one."
        ),
    )
    include_simulated = models.BooleanField(
        default=False, help_text=_("For demos: simulated labelers’ rankings count and are learned from.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("loop")
        verbose_name_plural = _("loops")
        ordering = ["reward_model"]
        constraints = [
            one_of("reward_gate", RewardGate, name="loop_reward_gate_known"),
            one_of("split", dict(SPLITS), name="loop_split_is_held_out"),
            models.CheckConstraint(
                condition=Q(margin__gte=0, margin__lte=0.4, gain__gte=0, gain__lte=0.4)
                & (Q(margin__gt=0) | Q(gain__gt=0)),
                name="loop_difference_range",
                violation_error_message=_(
                    "With a margin of 0 a policy has to be better: say how much more than half it is expected to win."
                ),
            ),
            models.CheckConstraint(condition=Q(confidence__gte=0.5, confidence__lte=0.999), name="loop_confidence"),
            models.CheckConstraint(condition=Q(min_new_rankings__gte=1), name="loop_rankings_positive"),
            models.CheckConstraint(
                condition=Q(mixture_share__gte=1, mixture_share__lte=1000), name="loop_mixture_share_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reward_model}"


class Turn(StatefulModel):
    """Once around. Its figures stand where they were measured: with its runs and its evaluation."""

    loop = models.ForeignKey(Loop, on_delete=models.PROTECT, related_name="turns")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=TurnState.choices, default=TurnState.RANKINGS)
    rankings = models.PositiveIntegerField(null=True, blank=True, help_text="How many new rankings it began with.")
    training_run = models.OneToOneField(
        TrainingRun, null=True, blank=True, on_delete=models.PROTECT, related_name="turn"
    )
    policy_run = models.OneToOneField(PolicyRun, null=True, blank=True, on_delete=models.PROTECT, related_name="turn")
    evaluation = models.OneToOneField(Evaluation, null=True, blank=True, on_delete=models.PROTECT, related_name="turn")
    reward_before = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reward_after = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    policy_before = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    policy_after = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    let_through = models.CharField(max_length=16, blank=True, help_text="The step after which somebody let it go on.")
    note = models.TextField(blank=True, help_text="What it waits for, or what was done at its end.")
    reason = models.TextField(blank=True, help_text="Why it ended without a new policy.")
    ended_in = models.CharField(max_length=16, blank=True, choices=STEPS)
    began_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("turn of the loop")
        verbose_name_plural = _("turns of the loop")
        ordering = ["loop", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["loop", "number"], name="turn_number_unique"),
            models.UniqueConstraint(
                fields=["loop"],
                condition=Q(state__in=[state.value for state in OPEN_TURN_STATES]),
                name="turn_one_at_a_time",
            ),
            one_of("state", TurnState, name="turn_state_known"),
            models.CheckConstraint(
                condition=Q(state="ended", ended_at__isnull=False, reason__regex=r"\S") & ~Q(ended_in="")
                | Q(state="promoted", ended_at__isnull=False, reason="", ended_in="")
                | ~Q(state__in=["ended", "promoted"]) & Q(ended_at=None, reason="", ended_in=""),
                name="turn_end_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(loop)s, turn %(number)s") % {"loop": self.loop, "number": self.number}
