from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.moves import StatefulModel
from labeling.base.states import WORKS_IN, CampaignStage, CampaignState, CampaignUse, CompositionKind, LabelerState
from labeling.campaigns.mixture.rules import BEST_OF_RANGE
from labeling.model_versions.models import RewardModel
from lm.snapshot.records.constants import RANKED_HIGHEST, RANKED_LOWEST

TAKES_HELD_WORK = ~Q(campaign__state=CampaignState.CLOSED.value) | Q(campaign__held_work_until__gt=Now())
"""Of held work: its campaign would take it (Campaign.takes_held_work)."""
MOST_SUGGESTIONS = 5
"""For one turn: more are not read, and each costs the labeler seconds."""
EVERYBODY = 32_767
"""So many labels are wanted where everybody who comes makes one: more than come, and the most that the column holds."""
MOST_READY_MINUTES = 1440
"""A day of work for everybody: more would be ranked when its model is long gone."""
MOST_CHECKS_PERCENT = 30
"""More checks than that, and labelers would mostly work for nothing."""
K_VALIDATORS = [MinValueValidator(RANKED_LOWEST), MaxValueValidator(RANKED_HIGHEST)]


class Campaign(StatefulModel):
    """One body of labeling work: who is asked for what, under which instructions, and how much of it."""

    slug = models.SlugField(unique=True, help_text=_("Short name in exports; it can't change later."))
    name = models.CharField(max_length=200)
    description = models.TextField(
        blank=True, help_text=_("One or two sentences that labelers see on their start page.")
    )
    state = models.CharField(max_length=16, choices=CampaignState.choices, default=CampaignState.DRAFT)
    stage = models.CharField(
        max_length=16,
        choices=CampaignStage.choices,
        default=CampaignStage.WORK,
        help_text=_(
            "Real work is for active labelers. Labelers in screening and in practice are given the work of such "
            "campaigns alone, which is never trained on and counts as no label."
        ),
    )
    languages = ArrayField(models.CharField(max_length=16), default=list, help_text=_("For example en, zh."))
    priority = models.SmallIntegerField(
        default=0,
        help_text=_("Work of a higher number is handed out first. Campaigns of the same number take turns."),
    )

    required_skills = ArrayField(
        models.CharField(max_length=32),
        default=list,
        blank=True,
        help_text=_("Only labelers who have all of them are offered its work. A prompt may ask for more."),
    )
    daily_quota = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many pieces of its work one labeler may do a day, which begins where they live. Empty: any."),
    )
    weekly_quota = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many pieces of its work one labeler may do from Monday to Sunday. Empty: any."),
    )

    demonstrations_per_prompt = models.PositiveSmallIntegerField(
        default=1, help_text=_("How many labelers write an ideal answer to each prompt.")
    )
    ranking_tasks_per_prompt = models.PositiveSmallIntegerField(
        default=1, help_text=_("How many sets of completions are sampled for each prompt.")
    )
    rankings_per_task = models.PositiveSmallIntegerField(
        default=1, help_text=_("How many labelers rank each set of completions.")
    )
    shared_percent = models.PositiveSmallIntegerField(
        default=15,
        validators=[MaxValueValidator(100)],
        help_text=_("Of each labeler's rankings, so many in a hundred are of tasks that several labelers get."),
    )
    shared_rankings = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(2)], help_text=_("How many labelers rank each of those tasks.")
    )
    gold_percent = models.PositiveSmallIntegerField(
        default=3,
        validators=[MaxValueValidator(MOST_CHECKS_PERCENT)],
        help_text=_("So many rankings in a hundred are followed by a gold item, whose right answer is known."),
    )
    gold_feedback = models.BooleanField(
        default=False,
        help_text=_(
            "Whoever has ranked a gold item sees the right answer and its reason at once. In practice it is always so."
        ),
    )
    repeat_percent = models.PositiveSmallIntegerField(
        default=2,
        validators=[MaxValueValidator(MOST_CHECKS_PERCENT)],
        help_text=_("So many rankings in a hundred are followed by one that the same labeler has ranked before."),
    )
    repeat_after_days = models.PositiveSmallIntegerField(
        default=21,
        validators=[MinValueValidator(1)],
        help_text=_("How many days after the first time a labeler is given the same once more, at the earliest."),
    )
    ask_dialogues = models.BooleanField(
        default=False, help_text=_("Labelers may write dialogues, both sides of them, with the model's suggestions.")
    )
    ask_chats = models.BooleanField(
        default=False, help_text=_("Labelers may converse with the current model, and then rank answers to it.")
    )
    suggestions_per_turn = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_SUGGESTIONS)],
        help_text=_("How many suggestions of the model a labeler gets who asks for some, 1 to 5."),
    )
    ask_own_prompts = models.BooleanField(
        default=False, help_text=_("Labelers may write prompts of their own: plain, few-shot or from a use case.")
    )
    use_case_statements = models.JSONField(
        default=list,
        blank=True,
        help_text=_("One a line, each beginning with the code of its language, such as en: You plan a trip."),
    )
    k_min = models.PositiveSmallIntegerField(default=RANKED_LOWEST, validators=K_VALIDATORS)
    k_max = models.PositiveSmallIntegerField(default=RANKED_HIGHEST, validators=K_VALIDATORS)

    temperature = models.FloatField(default=1.0, validators=[MinValueValidator(0.0), MaxValueValidator(2.0)])
    top_p = models.FloatField(default=1.0, validators=[MinValueValidator(0.01), MaxValueValidator(1.0)])
    max_new_tokens = models.PositiveIntegerField(default=256, validators=[MinValueValidator(1)])
    mixture = models.JSONField(
        default=list,
        blank=True,
        help_text=_("Which models its completions come from. Empty: all from the current one."),
    )
    best_of_percent = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(100)],
        help_text=_("Of 100 completions, so many are picked by the current reward model. The others are as they come."),
    )
    best_of = models.PositiveSmallIntegerField(
        default=8,
        validators=[MinValueValidator(BEST_OF_RANGE[0]), MaxValueValidator(BEST_OF_RANGE[1])],
        help_text=_("Each picked completion is the best of so many samples, 2 to 64."),
    )
    include_demonstration = models.BooleanField(
        default=False,
        help_text=_("Where a labeler has written an ideal answer, it is one of the completions, and nothing shows it."),
    )
    one_each = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text=_("Each line of its mixture gives exactly one completion of a task, for models are compared by it."),
    )
    held_out_only = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text=_("Its work is offered to held-out labelers, and to nobody else."),
    )
    ready_minutes = models.PositiveIntegerField(
        default=30,
        validators=[MaxValueValidator(MOST_READY_MINUTES)],
        help_text=_(
            "Beat keeps so many minutes of work ready ahead of everybody at work; hardly any where nobody labels."
        ),
    )
    ask_strength = models.BooleanField(
        default=False,
        help_text=_("Labelers also say how much better each rank is than the next one, in Llama 2's four words."),
    )
    ask_edit = models.BooleanField(
        default=False,
        help_text=_("After a ranking, labelers may improve the best completion; they can decline."),
    )
    review_percent = models.PositiveSmallIntegerField(
        default=5,
        validators=[MaxValueValidator(100)],
        help_text=_("Of 100 rankings and demonstrations that are handed in, so many go to the reviewers by chance."),
    )
    review_first = models.PositiveSmallIntegerField(
        default=5, help_text=_("So many of each labeler's first pieces of work go to the reviewers.")
    )
    review_below_percent = models.PositiveSmallIntegerField(
        default=50,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "A task goes to the reviewers where two labelers prefer the same in fewer than so many of 100 comparisons. "
            "0: never."
        ),
    )
    lease_minutes = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1)],
        help_text=_("How long a labeler holds a task; each saved draft starts the time anew."),
    )
    use = models.CharField(
        max_length=24,
        choices=CampaignUse.choices,
        default=CampaignUse.TRAIN_AND_EVALUATE,
        help_text=_(
            "Evaluate only: its new prompts go to the split test, and of its labels those in valid and test are used. "
            "Never train: they are used for neither, and exported only when that is asked for."
        ),
    )
    reward_models = models.ManyToManyField(
        RewardModel,
        blank=True,
        related_name="campaigns",
        limit_choices_to={"watches": None},  # a watcher learns from the campaigns of the one that it watches
        help_text=_("Which reward models learn from its labels and are measured on them."),
    )
    retrain_after_rankings = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("New rankings that start a retraining. Empty: as the reward model says.")
    )
    retrain_after_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("Days since the last retraining that start one. Empty: as the reward model says."),
    )
    managers = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="managed_campaigns",
        help_text=_("Campaign managers who see and change it. Other staff needs no place here."),
    )
    simulated = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Simulated labelers work in it, and nobody else; they work nowhere else."),
    )
    held_work_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("A closed campaign takes what was held until then. Empty: it takes nothing."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["name"]
        constraints = [
            one_of("state", CampaignState, name="campaign_state_known"),
            one_of("use", CampaignUse, name="campaign_use_known"),
            one_of("stage", CampaignStage, name="campaign_stage_known"),
            models.CheckConstraint(
                condition=Q(
                    shared_percent__lte=100,
                    shared_rankings__gte=2,
                    gold_percent__lte=MOST_CHECKS_PERCENT,
                    repeat_percent__lte=MOST_CHECKS_PERCENT,
                    repeat_after_days__gte=1,
                ),
                name="campaign_checks_range",
            ),
            models.CheckConstraint(
                condition=Q(k_min__gte=RANKED_LOWEST, k_max__lte=RANKED_HIGHEST, k_min__lte=F("k_max")),
                name="campaign_k_range",
            ),
            models.CheckConstraint(
                condition=Q(suggestions_per_turn__gte=1, suggestions_per_turn__lte=MOST_SUGGESTIONS),
                name="campaign_suggestions_range",
            ),
            models.CheckConstraint(
                condition=Q(review_percent__lte=100, review_below_percent__lte=100), name="campaign_review_percent"
            ),
            models.CheckConstraint(condition=Q(rankings_per_task__gte=1), name="campaign_rankings_per_task_positive"),
            models.CheckConstraint(condition=Q(temperature__gte=0, temperature__lte=2), name="campaign_temperature"),
            models.CheckConstraint(condition=Q(top_p__gt=0, top_p__lte=1), name="campaign_top_p"),
            models.CheckConstraint(condition=Q(max_new_tokens__gte=1), name="campaign_max_new_tokens_positive"),
            models.CheckConstraint(
                condition=Q(best_of_percent__lte=100, best_of__gte=BEST_OF_RANGE[0], best_of__lte=BEST_OF_RANGE[1]),
                name="campaign_best_of_range",
            ),
            models.CheckConstraint(condition=Q(lease_minutes__gte=1), name="campaign_lease_minutes_positive"),
            models.CheckConstraint(
                condition=(Q(daily_quota=None) | Q(daily_quota__gte=1))
                & (Q(weekly_quota=None) | Q(weekly_quota__gte=1)),
                name="campaign_quotas_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def labeler_state(self) -> LabelerState:
        """The state of the labelers who are given its work."""
        return next(LabelerState(state) for state, stage in WORKS_IN.items() if stage == self.stage)

    @property
    def completions_of_a_task(self) -> int | None:
        """How many completions each task has where models are compared; None: from k_min to k_max."""
        return len(self.mixture) + self.include_demonstration if self.one_each else None

    def labels_wanted(self, number: int) -> int:
        """`number` labels of one piece of work, or EVERYBODY's: all who are screened, or practise, do the same."""
        return EVERYBODY if number and self.stage != CampaignStage.WORK else number

    def takes_held_work(self) -> bool:
        """Whether work that was begun may be handed in."""
        return self.state != CampaignState.CLOSED or self.closing_at is not None

    @property
    def closing_at(self) -> datetime | None:
        """Until when a closed campaign still takes what was held; None for every other one, and after that."""
        if self.state != CampaignState.CLOSED or self.held_work_until is None:
            return None
        return self.held_work_until if self.held_work_until > timezone.now() else None

    def own_writing(self) -> list[CompositionKind]:
        """What labelers may begin by themselves."""
        asked = {
            CompositionKind.DIALOGUE: self.ask_dialogues,
            CompositionKind.CHAT: self.ask_chats,
            CompositionKind.OWN_PROMPT: self.ask_own_prompts,
        }
        return [kind for kind, is_asked in asked.items() if is_asked]
