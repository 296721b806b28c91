"""What was found out about labelers' habits at the last look, sentinels, and demonstrations near a model's text."""

from typing import TypedDict

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import not_blank
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.demonstrating.models import Demonstration
from labeling.people.models import Labeler


class ShareFigure(TypedDict):
    """A share with its 95% interval."""

    value: float
    low: float
    high: float
    pairs: int


class FindingFigure(TypedDict):
    """The columns of `Finding` (rules/outliers.py)."""

    habit: str
    value: float
    error: float
    tasks: int
    centre: float
    z: float
    chance: float
    is_outlier: bool


class LabelerHabits(models.Model):
    """A labeler's habits as of the last look (services/looking.py). Shares are None where there is not enough data."""

    labeler = models.OneToOneField(Labeler, primary_key=True, on_delete=models.CASCADE, related_name="habits")
    measured_at = models.DateTimeField()
    rankings = models.PositiveIntegerField(help_text="The last ones that were looked at.")
    outlier = ArrayField(
        models.CharField(max_length=16), default=list, help_text="Habits in which they differ by more than chance."
    )
    outlier_since = models.DateTimeField(null=True, blank=True)
    findings: models.JSONField[list[FindingFigure]] = models.JSONField(default=list)
    first_is_best: models.JSONField[ShareFigure | None] = models.JSONField(
        null=True, help_text="How often what is shown first is ranked first."
    )
    first_by_chance = models.FloatField(null=True, help_text="How often that is without a habit: 1/K on average.")
    longer_wins: models.JSONField[ShareFigure | None] = models.JSONField(
        null=True, help_text="How often the longer of two is preferred."
    )
    agreement: models.JSONField[ShareFigure | None] = models.JSONField(null=True)
    agreement_lengths_balanced = models.FloatField(
        null=True, help_text="Agreement where others prefer the longer and where they prefer the shorter, both alike."
    )
    ties_by_place = ArrayField(models.FloatField(null=True), default=list, help_text="Share of tied pairs by place.")
    pace = models.FloatField(null=True, help_text="Their seconds over what is usual, 1 is as others.")
    pace_lately = models.FloatField(null=True, help_text="The same of the last rankings, over their own before.")

    class Meta:
        verbose_name = _("habits of a labeler")
        verbose_name_plural = _("habits of labelers")
        ordering = ["labeler"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outlier=[], outlier_since=None) | ~Q(outlier=[]) & Q(outlier_since__isnull=False),
                name="habits_outlier_since",
            )
        ]

    def __str__(self) -> str:
        return str(self.labeler)


class Sentinel(models.Model):
    """A fixed comparison of two sources of completions that comes again and again. When the rate at which the first is
    preferred moves, labelers or what they are told have changed, for the completions have not."""

    name = models.CharField(max_length=200)
    campaign = models.ForeignKey(
        Campaign, null=True, blank=True, on_delete=models.CASCADE, help_text=_("Empty: all campaigns of real work.")
    )
    first_source = models.CharField(
        max_length=200, help_text=_("The model of the first completion, as imports or samplings name it.")
    )
    second_source = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("sentinel")
        verbose_name_plural = _("sentinels")
        ordering = ["name"]
        constraints = [
            not_blank("name", name="sentinel_named"),
            models.CheckConstraint(condition=~Q(first_source=F("second_source")), name="sentinel_compares_two"),
        ]

    def __str__(self) -> str:
        return self.name


class NearCopyFound(models.Model):
    """A demonstration that is nearly a text which a model wrote and the labeler could know, or is one."""

    demonstration = models.OneToOneField(
        Demonstration, primary_key=True, on_delete=models.CASCADE, related_name="near_copy"
    )
    likeness = models.FloatField(help_text="Of 100 characters, so many need no edit.")
    known_text = models.TextField(help_text="What it is near to.")
    source = models.CharField(max_length=200, help_text="Where that stands.")
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("near copy")
        verbose_name_plural = _("near copies")
        ordering = ["-found_at", "-demonstration"]
        constraints = [
            models.CheckConstraint(condition=Q(likeness__gte=0, likeness__lte=100), name="near_copy_likeness")
        ]

    def __str__(self) -> str:
        return f"{self.demonstration}: {self.likeness:.0f} %"
