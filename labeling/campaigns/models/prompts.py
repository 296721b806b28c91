from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.states import AssignmentKind, ContentWarning, PromptSource, UseCase
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.queues import HAS_MET, WorkQueue, quota_reached, suits
from labeling.people.models import Labeler
from lm.snapshot.records.constants import SPLITS

PROMPTS_PER_SUBMITTER = 200
"""InstructGPT §3.2: at most 200 prompts per user id, so that no customer dominates."""


class Submitter(models.Model):
    """The source of a prompt, under a normalised name that decides the split of what they begin (rules/splits.py)."""

    name = models.CharField(max_length=200, unique=True)
    split = models.CharField(max_length=8, editable=False)
    prompt_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("submitter")
        verbose_name_plural = _("submitters")
        ordering = ["name"]
        constraints = [
            not_blank("name", name="submitter_name_not_blank"),
            one_of("split", SPLITS, name="submitter_split_known"),
            models.CheckConstraint(
                condition=Q(prompt_count__lte=PROMPTS_PER_SUBMITTER), name="submitter_at_most_200_prompts"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PromptOpening(models.Model):
    """How prompts begin: their first user turn, normalised. All that begin alike are in one split, whoever submitted
    them to whichever campaign, so that nothing is both trained and tested on.
    """

    key = models.CharField(max_length=64, unique=True)
    split = models.CharField(max_length=8)

    class Meta:
        constraints = [one_of("split", SPLITS, name="prompt_opening_split_known")]

    def __str__(self) -> str:
        return f"{self.key[:8]} in {self.split}"


WANTS_DEMONSTRATION = Q(
    set_aside_reason="", demonstrations_needed__gt=F("demonstrations_open") + F("demonstrations_done")
)
"""A prompt that wants a demonstration which nobody is writing yet."""
WANTS_RANKING_TASK = Q(set_aside_reason="", ranking_tasks_needed__gt=F("ranking_tasks_made"))
"""A prompt of which ranking tasks are still to be made."""


class PromptQuerySet(models.QuerySet["Prompt"]):
    def claimable_by(self, labeler: Labeler) -> "PromptQuerySet":
        """Prompts that the labeler may be given, to write a demonstration: the rule, in words of the ORM.

        services/next_task.py finds the first of them without reading the others; tests hold it to this rule.
        """
        met = labeler.assignments.filter(HAS_MET, prompt=OuterRef("pk"), kind=AssignmentKind.DEMONSTRATION)
        return self.filter(
            WANTS_DEMONSTRATION,
            suits(labeler),
            ~Exists(met),
            required_skills__contained_by=labeler.skills,
        ).exclude(quota_reached(labeler) | Q(content_warnings__overlap=labeler.opt_outs))


class Prompt(models.Model):
    """A conversation that ends with a user turn, waiting for an answer. Its text and origin never change."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="prompts")
    submitter = models.ForeignKey(Submitter, on_delete=models.PROTECT, related_name="prompts")
    messages = models.JSONField(help_text="List of {role: system | user | assistant, content}.")
    opening = models.ForeignKey(PromptOpening, on_delete=models.PROTECT, editable=False, related_name="prompts")
    dedupe_key = models.CharField(max_length=64, editable=False)
    source = models.CharField(max_length=24, choices=PromptSource.choices)
    use_case = models.CharField(max_length=24, choices=UseCase.choices, default=UseCase.OTHER)
    language = models.CharField(max_length=16)
    content_warnings = ArrayField(
        models.CharField(max_length=24),
        default=list,
        blank=True,
        help_text="Said before the text is shown; labelers who opted out of one are never offered this prompt.",
    )
    required_skills = ArrayField(
        models.CharField(max_length=32),
        default=list,
        blank=True,
        help_text="Only labelers who have all of them, and those that the campaign asks for, are offered this prompt.",
    )
    author = models.ForeignKey(Labeler, null=True, blank=True, on_delete=models.PROTECT, related_name="prompts")
    picked_message = models.OneToOneField(
        "labeling.Message",  # of labeling/writing, which comes later
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="prompt",
        help_text="The model-written message whose alternatives are ranked, where the prompt came from a conversation.",
    )
    prompt_import = models.ForeignKey(
        "labeling.PromptImport",  # of labeling/imports, which comes later
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="prompts",
        help_text="The file that it came from.",
    )
    import_line = models.PositiveIntegerField(null=True, blank=True, help_text="Of that file, from 1.")
    set_aside_reason = models.TextField(blank=True, help_text="Not empty: no work is handed out for this prompt.")
    demonstrations_needed = models.PositiveSmallIntegerField(default=0)
    demonstrations_open = models.PositiveSmallIntegerField(default=0, editable=False)
    demonstrations_done = models.PositiveSmallIntegerField(default=0, editable=False)
    ranking_tasks_needed = models.PositiveSmallIntegerField(default=0)
    ranking_tasks_made = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # Kept by a trigger (migration 0003): where it waits for a demonstration, if it does.
    queue = models.ForeignKey(
        WorkQueue, null=True, editable=False, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    queue_place = models.BigIntegerField(null=True, editable=False)

    objects = PromptQuerySet.as_manager()

    class Meta:
        verbose_name = _("prompt")
        verbose_name_plural = _("prompts")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "dedupe_key"], name="prompt_no_near_duplicate"),
            one_of("source", PromptSource, name="prompt_source_known"),
            one_of("use_case", UseCase, name="prompt_use_case_known"),
            not_blank("language", name="prompt_language_not_blank"),
            models.CheckConstraint(
                condition=Q(content_warnings__contained_by=[warning.value for warning in ContentWarning]),
                name="prompt_content_warnings_known",
            ),
            models.CheckConstraint(
                condition=Q(demonstrations_needed__gte=F("demonstrations_open") + F("demonstrations_done")),
                name="prompt_no_more_demonstrations_than_needed",
            ),
            models.CheckConstraint(
                condition=Q(ranking_tasks_needed__gte=F("ranking_tasks_made")), name="prompt_no_more_tasks_than_needed"
            ),
        ]
        indexes = [
            # services/next_task.py takes the first prompt of a queue that still wants a demonstration.
            models.Index(
                fields=["queue", "queue_place"], condition=WANTS_DEMONSTRATION, name="prompt_wants_demonstration"
            ),
            # top_up (labeling/ranking_tasks/services/tasks.py) walks the prompts that still want a ranking task.
            models.Index(
                fields=["campaign", "language", "ranking_tasks_made", "id"],
                condition=WANTS_RANKING_TASK,
                name="prompt_wants_ranking_task",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.last_user_text()[:60]}"

    @property
    def split(self) -> str:
        return self.opening.split

    def last_user_text(self) -> str:
        return str(self.messages[-1]["content"])
