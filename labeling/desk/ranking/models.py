from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.base.constraints import one_of
from labeling.base.states import CampaignStage, LabelerGroup, Strength
from labeling.campaigns.models.versions import InstructionVersion, RubricVersion
from labeling.desk.models import Assignment, LabelQuerySet
from labeling.desk.ranking.rules.judgements import QUALITY_HIGHEST, QUALITY_LOWEST, STRENGTHS
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.tasks import RankingTask
from lm.snapshot.records.constants import RANKED_HIGHEST


class RankingQuerySet(LabelQuerySet["Ranking"]):
    same_work = ("task", "labeler")
    real_work = Q(task__copy_of=None, task__campaign__stage=CampaignStage.WORK.value)


class Ranking(models.Model):
    """One labeler's order of a task's completions. Rows are only ever added; the last revision counts."""

    task = models.ForeignKey(RankingTask, on_delete=models.PROTECT, related_name="rankings")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="rankings")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="rankings")
    revision = models.PositiveIntegerField(default=1)
    instruction_version = models.ForeignKey(InstructionVersion, on_delete=models.PROTECT)
    rubric_version = models.ForeignKey(RubricVersion, on_delete=models.PROTECT)
    note = models.TextField(blank=True)
    strengths = ArrayField(
        models.PositiveSmallIntegerField(),
        null=True,
        blank=True,
        help_text="How much better each rank is than the next, best first: 4 significantly, 1 negligibly.",
    )
    none_acceptable = models.BooleanField(
        default=False, help_text="Not even the best of them could be given to a user as it is."
    )
    active_seconds = models.FloatField()
    # Both as they were on the day: a later change of the labeler must not change an export of that day.
    labeler_group = models.CharField(max_length=16, choices=LabelerGroup.choices)
    simulated = models.BooleanField()
    fixed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The reviewer who wrote this revision in the labeler's place. Empty: the labeler wrote it.",
    )
    submitted_at = models.DateTimeField(db_default=Now())

    objects = RankingQuerySet.as_manager()

    class Meta:
        verbose_name = _("ranking")
        verbose_name_plural = _("rankings")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["task", "labeler", "revision"], name="ranking_revision_unique"),
            models.UniqueConstraint(fields=["assignment", "revision"], name="ranking_one_per_assignment"),
            models.CheckConstraint(condition=Q(revision__gte=1), name="ranking_revision_positive"),
            models.CheckConstraint(condition=Q(active_seconds__gte=0), name="ranking_active_seconds"),
            models.CheckConstraint(
                condition=Q(strengths=None) | Q(strengths__contained_by=list(STRENGTHS)), name="ranking_strengths"
            ),
            one_of("labeler_group", LabelerGroup, name="ranking_group_known"),
        ]
        indexes = [models.Index(F("submitted_at"), F("id"), name="ranking_by_time")]  # export.py, retraining triggers

    def __str__(self) -> str:
        return gettext("Ranking %(number)s") % {"number": self.pk}

    def strength_in_words(self, rank: int) -> StrPromise | str:
        """How much better this rank is than the next; empty for the last one and where nobody asked."""
        strengths = self.strengths or []
        return Strength(strengths[rank - 1]).label if rank <= len(strengths) else ""


class RankedCompletion(models.Model):
    """What one ranking says of one completion. At commit, a trigger checks that a ranking covers its task exactly."""

    ranking = models.ForeignKey(Ranking, on_delete=models.PROTECT, related_name="ranked_completions")
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="ranked")
    rank = models.PositiveSmallIntegerField(help_text="1 is best; equal ranks are a tie; no gaps.")
    quality = models.PositiveSmallIntegerField(null=True, blank=True, help_text="1 (worst) to 7 (best).")
    flags = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    note = models.TextField(blank=True)
    shown_position = models.PositiveSmallIntegerField(help_text="Where this labeler saw it, from 1.")

    class Meta:
        verbose_name = _("ranked completion")
        verbose_name_plural = _("ranked completions")
        ordering = ["ranking", "rank", "completion"]
        constraints = [
            models.UniqueConstraint(fields=["ranking", "completion"], name="ranked_completion_once"),
            models.UniqueConstraint(fields=["ranking", "shown_position"], name="ranked_completion_position_once"),
            models.CheckConstraint(condition=Q(rank__gte=1, rank__lte=RANKED_HIGHEST), name="ranked_completion_rank"),
            models.CheckConstraint(
                condition=Q(quality=None) | Q(quality__gte=QUALITY_LOWEST, quality__lte=QUALITY_HIGHEST),
                name="ranked_completion_quality",
            ),
            models.CheckConstraint(
                condition=Q(shown_position__gte=1, shown_position__lte=RANKED_HIGHEST),
                name="ranked_completion_position",
            ),
        ]

    def __str__(self) -> str:
        return f"rank {self.rank}"
