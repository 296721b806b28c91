from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.moves import StatefulModel, StatefulQuerySet
from labeling.base.states import CheckState, Half, ModelBackend, ModelKind, ModelState


class RewardModel(models.Model):
    """What is rewarded, such as helpful or safe: the campaigns that feed it, when it is retrained, and its versions."""

    slug = models.SlugField(unique=True, help_text=_("Short name in the names of its versions; it can't change later."))
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, help_text=_("What its rewards stand for, for whoever uses them."))
    is_default = models.BooleanField(
        default=False, help_text=_("New campaigns feed it, and programs that name no reward model get its rewards.")
    )
    retrains_itself = models.BooleanField(
        default=True, help_text=_("A retraining starts when there are enough new rankings. Off: only when asked for.")
    )
    retrain_after_rankings = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("New rankings of a campaign that start a retraining. Empty: RETRAIN_AFTER_RANKINGS."),
    )
    retrain_after_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Days after which even one new ranking starts a retraining. Empty: RETRAIN_AFTER_DAYS."),
    )
    watches = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="watcher",
        help_text="The reward model whose other half of the rankings it learns from, and which it watches in PPO.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("reward model")
        verbose_name_plural = _("reward models")
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="reward_model_one_default"
            ),
            models.CheckConstraint(
                condition=Q(watches=None) | Q(is_default=False), name="reward_model_watcher_not_default"
            ),
            not_blank("name", name="reward_model_name_not_blank"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> "RewardModel":
        """The reward model whose campaigns it learns from: itself, or the one that it watches."""
        return self.watches or self


class ModelVersionQuerySet(StatefulQuerySet["ModelVersion"]):
    def current(self, kind: ModelKind | None = None) -> "ModelVersionQuerySet":
        """The versions that are in use, of every kind unless one is named: one SFT model, one of each reward model."""
        current = self.filter(state=ModelState.CURRENT)
        return current if kind is None else current.filter(kind=kind)


class ModelVersion(StatefulModel):
    """A checkpoint on disk, safetensors only. Which weights it names never changes; only its state does."""

    kind = models.CharField(max_length=8, choices=ModelKind.choices)
    reward_model = models.ForeignKey(
        RewardModel, null=True, blank=True, on_delete=models.PROTECT, related_name="versions",
        help_text="Empty: an SFT model.",
    )  # fmt: skip
    name = models.CharField(max_length=200, unique=True)
    path = models.CharField(max_length=1000, help_text="A directory with config.json, a tokenizer and *.safetensors.")
    backend = models.CharField(
        max_length=8,
        choices=ModelBackend.choices,
        default=ModelBackend.LOCAL,
        help_text="Who samples from it: workers that load it, or a server that holds the same weights.",
    )
    server = models.CharField(max_length=500, blank=True, help_text="The server's address, one of SAMPLING_SERVERS.")
    served_name = models.CharField(max_length=200, blank=True, help_text="The name under which the server knows it.")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    rewarded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="rewarded",
        help_text="The reward model's version that it was optimised for, or by which its epoch was chosen.",
    )  # fmt: skip
    watched_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="watched",
        help_text="The reward model's version by which the best of its checkpoints was kept.",
    )  # fmt: skip
    ensemble = models.ManyToManyField(
        "self", blank=True, symmetrical=False, related_name="rewarded_with",
        help_text="The reward models' versions that it was optimised for together with `rewarded_by`.",
    )  # fmt: skip
    half = models.CharField(
        max_length=8,
        choices=Half.choices,
        default=Half.ALL,
        help_text="Of a reward model: which half of the split train of its snapshot it learned from.",
    )
    snapshot = models.ForeignKey(
        "labeling.Snapshot", null=True, blank=True, on_delete=models.PROTECT, related_name="model_versions"
    )
    metrics = models.JSONField(default=dict, blank=True)
    simulated = models.BooleanField(
        default=False, help_text="It learned from simulated labelers, whose preferences are nobody's."
    )
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
                fields=["kind", "reward_model"],
                condition=models.Q(state=ModelState.CURRENT.value),
                nulls_distinct=False,
                name="model_one_current_per_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(kind=ModelKind.REWARD.value, reward_model__isnull=False)
                | models.Q(~models.Q(kind=ModelKind.REWARD.value), reward_model=None),
                name="model_version_of_a_reward_model",
            ),
            one_of("kind", ModelKind, name="model_kind_known"),
            one_of("state", ModelState, name="model_state_known"),
            one_of("half", Half, name="model_half_known"),
            not_blank("path", name="model_path_not_blank"),
            one_of("backend", ModelBackend, name="model_backend_known"),
            models.CheckConstraint(
                condition=Q(backend="local", server="", served_name="")
                | Q(~Q(backend="local"), kind=ModelKind.SFT.value, server__regex=r"^https?://\S+$")
                & ~Q(served_name=""),
                name="model_server_is_named",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def current_instead(self) -> "ModelVersion | None":
        """The version whose place this one would take."""
        return type(self).objects.filter(kind=self.kind, reward_model=self.reward_model_id).current().first()

    @property
    def last_check(self) -> "ModelCheck | None":
        """What came of the last time that a worker was to load it; None for one that nobody was asked to try."""
        return self.checks.order_by("-pk").first()


class Promotion(models.Model):
    """One version's time as the current one, of the SFT model or of a reward model. Rolling back goes to `before`."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    before = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="Whose version is current again after rolling back from here.",
    )  # fmt: skip
    rolled_back = models.BooleanField(default=False, help_text="It came back by rolling back from a later one.")
    reason = models.TextField(blank=True)
    began_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(ended_at=None), name="promotion_one_open_per_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}, current from {self.began_at:%Y-%m-%d %H:%M}"


class ModelCheck(StatefulModel):
    """A worker loads a model version and uses it once: samples from an SFT model, scores with a reward model."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="checks")
    state = models.CharField(max_length=16, choices=CheckState.choices, default=CheckState.WAITING)
    result = models.TextField(blank=True, help_text="What the model gave: a text, or rewards.")
    failure = models.TextField(blank=True)
    promotion_reason = models.TextField(
        blank=True, help_text="Where there is one, the version is promoted as soon as it has passed."
    )
    promote_simulated = models.BooleanField(default=False, help_text="Even if it learned from simulated labelers.")
    worker = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked for it.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("model check")
        verbose_name_plural = _("model checks")
        ordering = ["-id"]
        constraints = [
            one_of("state", CheckState, name="model_check_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", failure="", finished_at=None)
                | Q(state="passed", failure="", finished_at__isnull=False)
                | Q(state="failed", failure__regex=r"\S", finished_at__isnull=False),
                name="model_check_state_matches_its_result",
            ),
            models.UniqueConstraint(
                fields=["model_version"], condition=Q(state="waiting"), name="model_check_one_waiting_a_version"
            ),
        ]

    def __str__(self) -> str:
        return f"Check of {self.model_version}"
