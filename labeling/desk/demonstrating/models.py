from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank, one_of
from labeling.base.states import CampaignStage, LabelerGroup
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.models.versions import InstructionVersion
from labeling.desk.models import Assignment, LabelQuerySet
from labeling.desk.ranking.models import Ranking
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.completions import Completion

DEMONSTRATION_SOURCES = ("labeler", "import", "edit", "dialogue")


class DemonstrationQuerySet(LabelQuerySet["Demonstration"]):
    same_work = ("prompt", "source", "labeler")
    real_work = Q(ranking__task__copy_of=None, prompt__campaign__stage=CampaignStage.WORK.value)


class Demonstration(models.Model):
    """An ideal answer to a prompt. A revision is a new row; the last one counts."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="demonstrations")
    labeler = models.ForeignKey(
        Labeler,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="demonstrations",
        help_text="Empty: imported.",
    )
    assignment = models.ForeignKey(
        Assignment, null=True, blank=True, on_delete=models.PROTECT, related_name="demonstrations"
    )
    message = models.OneToOneField(
        "labeling.Message",  # of labeling/writing, which comes later
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="demonstration",
        help_text="The last turn of the dialogue that it comes from.",
    )
    ranking = models.OneToOneField(
        Ranking,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="edit",
        help_text="Whose best completion it improves; of edits alone.",
    )
    edited_completion = models.ForeignKey(
        Completion, null=True, blank=True, on_delete=models.PROTECT, related_name="edits"
    )
    revision = models.PositiveIntegerField(default=1)
    source = models.CharField(max_length=16, default="labeler")
    text = models.TextField()
    instruction_version = models.ForeignKey(InstructionVersion, null=True, blank=True, on_delete=models.PROTECT)
    active_seconds = models.FloatField(null=True, blank=True)
    # Both as they were on the day: a later change of the labeler must not change an export of that day.
    labeler_group = models.CharField(max_length=16, choices=LabelerGroup.choices, default=LabelerGroup.TRAINING)
    simulated = models.BooleanField(default=False)
    fixed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The reviewer who wrote this revision in the labeler's place. Empty: the labeler wrote it.",
    )
    submitted_at = models.DateTimeField(db_default=Now())

    objects = DemonstrationQuerySet.as_manager()

    class Meta:
        verbose_name = _("demonstration")
        verbose_name_plural = _("demonstrations")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["prompt", "labeler", "revision"],
                condition=~Q(source="edit"),  # whoever ranked several tasks of a prompt may improve the best of each
                name="demonstration_revision_unique",
            ),
            models.CheckConstraint(
                condition=Q(source="edit", ranking__isnull=False, edited_completion__isnull=False, revision=1)
                | ~Q(source="edit") & Q(ranking=None, edited_completion=None),
                name="demonstration_edit_of_a_ranking",
            ),
            models.UniqueConstraint(fields=["assignment", "revision"], name="demonstration_one_per_assignment"),
            not_blank("text", name="demonstration_not_blank"),
            one_of("source", DEMONSTRATION_SOURCES, name="demonstration_source_known"),
            one_of("labeler_group", LabelerGroup, name="demonstration_group_known"),
            models.CheckConstraint(
                condition=Q(message=None) | Q(source="dialogue"), name="demonstration_of_a_dialogue_says_so"
            ),
            models.CheckConstraint(condition=Q(revision__gte=1), name="demonstration_revision_positive"),
            models.CheckConstraint(
                condition=Q(source="import") | Q(labeler__isnull=False, instruction_version__isnull=False),
                name="demonstration_has_author_and_instructions",
            ),
            models.CheckConstraint(
                condition=Q(active_seconds=None) | Q(active_seconds__gte=0), name="demonstration_active_seconds"
            ),
        ]
        indexes = [
            models.Index(F("submitted_at"), F("id"), name="demonstration_by_time")
        ]  # export.py reads in this order

    def __str__(self) -> str:
        return gettext("Demonstration %(number)s of prompt %(prompt)s") % {"number": self.pk, "prompt": self.prompt_id}
