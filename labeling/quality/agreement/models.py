"""What agreement is counted from: kept by every hand-in for its task, made anew by `manage.py rebuild_agreement`."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.tasks import RankingTask


class Partner(models.TextChoices):
    """With whom a labeler's ranking is compared. CONSENSUS: that of all others who ranked the task."""

    LABELER = "labeler", _("other labelers")
    CONSENSUS = "consensus", _("the consensus of the others")
    GOLD = "gold", _("gold answers")
    SELF = "self", _("their own earlier ranking")


class RankingAgreement(models.Model):
    """How far a labeler's ranking of a task is like that of a partner. Two labelers have a row in each direction.

    The columns are those of `PairCounts` (rules/pairs.py) with the labeler as the first. Derived: from the revisions
    that count.
    """

    task = models.ForeignKey(RankingTask, on_delete=models.CASCADE, related_name="agreements")
    labeler = models.ForeignKey(Labeler, on_delete=models.CASCADE, related_name="agreements", db_index=False)
    partner_kind = models.CharField(max_length=16, choices=Partner.choices)
    partner = models.ForeignKey(
        Labeler, null=True, blank=True, on_delete=models.CASCADE, related_name="agreements_as_partner", db_index=False
    )
    compared_at = models.DateTimeField(help_text="When the later of the two rankings was handed in.")
    same = models.PositiveSmallIntegerField()
    opposed = models.PositiveSmallIntegerField()
    tied_by_labeler = models.PositiveSmallIntegerField()
    tied_by_partner = models.PositiveSmallIntegerField()
    tied_by_both = models.PositiveSmallIntegerField()
    same_by_strength = ArrayField(models.PositiveSmallIntegerField(), help_text="Weakest first.")
    opposed_by_strength = ArrayField(models.PositiveSmallIntegerField(), help_text="Weakest first.")
    tau = models.FloatField(null=True, blank=True, help_text="Kendall's tau-b.")
    flags = ArrayField(models.CharField(max_length=64), default=list, help_text="That one of both set.")
    rated = models.PositiveSmallIntegerField(default=0, help_text="Completions whose quality both rated.")
    own_rating = models.PositiveSmallIntegerField(default=0, help_text="The sum of the labeler's ratings of those.")
    own_squares = models.PositiveIntegerField(default=0)
    their_rating = models.PositiveSmallIntegerField(default=0)
    their_squares = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("agreement on a task")
        verbose_name_plural = _("agreement on tasks")
        ordering = ["task", "labeler"]
        constraints = [
            one_of("partner_kind", Partner, name="agreement_partner_known"),
            models.UniqueConstraint(
                fields=["task", "labeler", "partner"],
                condition=Q(partner__isnull=False),
                name="agreement_once_per_pair",
            ),
            models.UniqueConstraint(
                fields=["task", "labeler", "partner_kind"], condition=Q(partner=None), name="agreement_once_per_kind"
            ),
            models.CheckConstraint(
                condition=Q(partner_kind="labeler", partner__isnull=False) & ~Q(partner=F("labeler"))
                | ~Q(partner_kind="labeler") & Q(partner=None),
                name="agreement_partner_is_somebody_else",
            ),
        ]
        indexes = [
            models.Index(fields=["labeler", "partner_kind"], name="agreement_of_labeler"),
            models.Index(fields=["partner"], condition=Q(partner__isnull=False), name="agreement_with_partner"),
            models.Index(fields=["partner_kind", "compared_at"], name="agreement_by_time"),
        ]

    def __str__(self) -> str:
        return gettext("%(labeler)s and %(partner)s on task %(number)s") % {
            "labeler": self.labeler,
            "partner": self.partner or self.get_partner_kind_display(),
            "number": self.task_id,
        }


class CompletionAgreement(models.Model):
    """How many labelers gave each rank and each rating to a completion that several of them ranked; for alpha.

    Derived: from the revisions that count.
    """

    completion = models.OneToOneField(Completion, primary_key=True, on_delete=models.CASCADE, related_name="agreement")
    task = models.ForeignKey(RankingTask, on_delete=models.CASCADE, related_name="completion_agreements")
    compared_at = models.DateTimeField(help_text="When the last of the rankings was handed in.")
    ranks = ArrayField(models.PositiveSmallIntegerField(), help_text="How many gave rank 1, 2, 3 …")
    qualities = ArrayField(models.PositiveSmallIntegerField(), help_text="How many rated it 1, 2, 3 …")
    flags = models.JSONField(default=dict, help_text="By flag of the rubric: [how many did not set it, how many did].")

    class Meta:
        verbose_name = _("agreement on a completion")
        verbose_name_plural = _("agreement on completions")
        ordering = ["completion"]

    def __str__(self) -> str:
        return f"agreement on completion {self.completion_id}"
