from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.states import ACTIVE_RUN_STATES, PolicyStage
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.training.models import Run, RunPoint, run_constraints

TRIGGERS = ("labels", "reward", "manual", "loop")
"""What sets a run off: new labels, a new version of the reward model, a person, a turn of the loop."""


class PolicyRecipe(models.Model):
    """How a stage is trained, and when it starts by itself. It never changes: a change is a new version, and each run
    keeps the one it had.
    """

    stage = models.CharField(max_length=8, choices=PolicyStage.choices)
    version = models.PositiveIntegerField()
    base = models.CharField(
        max_length=1000,
        blank=True,
        help_text=_("What SFT begins from: a directory or a Hugging Face id. Empty: the SFT model that is current."),
    )
    options = models.JSONField(help_text="Options of `python -m policy_trainer`, by their names.")
    reward_model = models.ForeignKey(
        RewardModel, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text=_("PPO optimises its current version. Empty: the default reward model."),
    )  # fmt: skip
    watched_reward_model = models.ForeignKey(
        RewardModel, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text=_(
            "Its current version only watches. Best trained on other labels. Empty: the one that was made to watch the "
            "reward model, where there is one."
        ),
    )  # fmt: skip
    ensemble = models.ManyToManyField(
        ModelVersion, blank=True, related_name="+",
        help_text=_("Further versions of reward models, which PPO optimises together with it as one. Empty: it alone."),
    )  # fmt: skip
    starts_itself = models.BooleanField(
        default=False,
        help_text=_("PPO begins when another version of its reward model is current, the others after new labels."),
    )
    after_labels = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("New demonstrations (SFT) or rankings (DPO) that start a run. Empty: RETRAIN_AFTER_RANKINGS."),
    )
    note = models.TextField(blank=True, help_text=_("Why it was changed, for whoever looks at it later."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("policy recipe")
        verbose_name_plural = _("policy recipes")
        ordering = ["stage", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["stage", "version"], name="policy_recipe_version_unique"),
            models.CheckConstraint(condition=Q(version__gte=1), name="policy_recipe_version_positive"),
            one_of("stage", PolicyStage, name="policy_recipe_stage_known"),
        ]

    def __str__(self) -> str:
        return gettext("%(stage)s, recipe %(version)s") % {"stage": self.get_stage_display(), "version": self.version}


class PolicyRun(Run):
    """One training of a policy. What it begins from and is rewarded by is decided when it is asked for.

    `start` is None for SFT from a base that is no version on record.
    """

    stage = models.CharField(max_length=8, choices=PolicyStage.choices)
    recipe = models.ForeignKey(PolicyRecipe, on_delete=models.PROTECT, related_name="runs")
    start = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="The language model that it begins from; PPO's and DPO's reference.",
    )  # fmt: skip
    rewarded_by = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="The reward model that PPO optimises; that of SFT only chooses the epoch.",
    )  # fmt: skip
    watched_by = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="The reward model that only watches PPO.",
    )  # fmt: skip

    ensemble = models.ManyToManyField(
        ModelVersion, blank=True, related_name="+",
        help_text="The reward models that PPO optimises together with `rewarded_by`.",
    )  # fmt: skip

    class Meta(Run.Meta):
        verbose_name = _("policy run")
        verbose_name_plural = _("policy runs")
        constraints = [
            models.UniqueConstraint(
                fields=["stage"],
                condition=Q(state__in=[state.value for state in ACTIVE_RUN_STATES]),
                name="policy_run_one_a_stage",
            ),
            one_of("stage", PolicyStage, name="policy_run_stage_known"),
            models.CheckConstraint(
                condition=~Q(stage="ppo") | Q(start__isnull=False, rewarded_by__isnull=False),
                name="policy_run_ppo_has_its_models",
            ),
            models.CheckConstraint(
                condition=Q(watched_by=None) | Q(stage="ppo"), name="policy_run_only_ppo_is_watched"
            ),
            *run_constraints("policy_run", triggers=TRIGGERS),
        ]

    def __str__(self) -> str:
        return gettext("Policy run %(number)s") % {"number": self.pk}


class PolicyPoint(RunPoint):
    """A step of SFT and DPO, an iteration of PPO."""

    run = models.ForeignKey(PolicyRun, on_delete=models.CASCADE, related_name="points")

    class Meta(RunPoint.Meta):
        verbose_name = _("policy point")
        verbose_name_plural = _("policy points")
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="policy_point_step_unique")]


class PolicyLook(models.Model):
    """What the policy answered to the same few prompts after a step; step 0: the model that it began from."""

    run = models.ForeignKey(PolicyRun, on_delete=models.CASCADE, related_name="looks")
    step = models.PositiveIntegerField()
    samples: Any = models.JSONField(help_text="Of each prompt: its messages, the answer, how it ended, its reward.")
    figures: Any = models.JSONField(default=dict, blank=True, help_text="Of all prompts that were answered, by name.")

    class Meta:
        verbose_name = _("look at a policy")
        verbose_name_plural = _("looks at policies")
        ordering = ["run", "step"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="policy_look_step_unique")]

    def __str__(self) -> str:
        return f"step {self.step}"
