from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.campaigns.models.campaigns import Campaign

PERCENT = [MinValueValidator(1), MaxValueValidator(100)]


class StageSettings(models.Model):
    """What a campaign of screening or of practice asks for. A campaign without a row asks for the defaults."""

    campaign = models.OneToOneField(Campaign, on_delete=models.PROTECT, related_name="stage_settings")
    # InstructGPT, App. B.1: soft cutoffs of 75 % on both, and 6 of 7 for demonstrations.
    flags_percent = models.PositiveSmallIntegerField(default=75, validators=PERCENT)
    pairs_percent = models.PositiveSmallIntegerField(default=75, validators=PERCENT)
    grade = models.FloatField(default=6.0, validators=[MinValueValidator(1), MaxValueValidator(7)])
    practice_items = models.PositiveSmallIntegerField(default=20, validators=[MinValueValidator(1)])
    practice_percent = models.PositiveSmallIntegerField(default=75, validators=PERCENT)

    class Meta:
        verbose_name = _("settings of a stage")
        verbose_name_plural = _("settings of stages")
        ordering = ["campaign"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    flags_percent__gte=1,
                    flags_percent__lte=100,
                    pairs_percent__gte=1,
                    pairs_percent__lte=100,
                    practice_percent__gte=1,
                    practice_percent__lte=100,
                    grade__gte=1,
                    grade__lte=7,
                    practice_items__gte=1,
                ),
                name="stage_settings_range",
            ),
        ]

    def __str__(self) -> str:
        return f"Settings of {self.campaign}"
