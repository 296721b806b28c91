"""Numbers that are too many to be counted anew for every look at the front page.

A million rankings take a second to count, and the page has a quarter of one (benchmarks/control_room.py). Days that are
over never change, for what labelers hand in is only ever added to: beat counts each once, and a page counts only what
came since. All other figures are counted by beat, every minute, and pages take its count where theirs would be slow.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.states import AssignmentKind
from labeling.campaigns.models.campaigns import Campaign
from labeling.people.models import Labeler


class DailyWork(models.Model):
    """First submissions of one labeler in one campaign on one day that is over, in Django's TIME_ZONE.

    Without copies that are checks, and without imports. Screening and practice are counted and told apart by the
    campaign.
    """

    day = models.DateField()
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    labeler = models.ForeignKey(Labeler, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=AssignmentKind.choices)
    language = models.CharField(max_length=16)
    simulated = models.BooleanField()
    count = models.PositiveIntegerField()
    active_seconds = models.FloatField()
    comparisons = models.PositiveIntegerField(
        default=0, help_text="Of rankings: pairs of completions that were put in an order."
    )

    class Meta:
        verbose_name = _("work of a day")
        verbose_name_plural = _("work of days")
        ordering = ["day", "id"]
        constraints = [
            one_of("kind", AssignmentKind, name="daily_work_kind_known"),
            models.UniqueConstraint(
                fields=["day", "campaign", "labeler", "kind", "language", "simulated"], name="daily_work_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind}: {self.count}"


class KeptFigure(models.Model):
    """A figure as beat counted it last, and how long that took."""

    name = models.CharField(max_length=32, primary_key=True)
    value: models.JSONField[Any] = models.JSONField(help_text="queries/figures.py says what each name holds.")
    counted_at = models.DateTimeField()
    seconds = models.FloatField()

    class Meta:
        verbose_name = _("kept figure")
        verbose_name_plural = _("kept figures")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
