"""Instructions and rubrics, each change a version of its own, and who has read which instructions."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.campaigns.models.campaigns import Campaign
from labeling.people.models import Labeler


class InstructionVersion(models.Model):
    """What labelers are told. A label keeps the version that it was made under; a change makes a new version."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="instruction_versions")
    version = models.PositiveIntegerField()
    body = models.JSONField(help_text=_('Markdown by interface language: {"en": …, "zh-hans": …}.'))
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("instruction version")
        verbose_name_plural = _("instruction versions")
        ordering = ["campaign", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "version"], name="instruction_version_unique"),
            models.CheckConstraint(condition=Q(version__gte=1), name="instruction_version_positive"),
        ]

    def __str__(self) -> str:
        return gettext("%(campaign)s instructions v%(version)s") % {"campaign": self.campaign, "version": self.version}


class RubricVersion(models.Model):
    """The flags asked for per completion, beside the 1–7 quality (InstructGPT Table 3). Fields change over time."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="rubric_versions")
    version = models.PositiveIntegerField()
    flags = models.JSONField(
        help_text=_("List of {key, label: {language: text}, help: {language: text}} in the order shown.")
    )
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("rubric version")
        verbose_name_plural = _("rubric versions")
        ordering = ["campaign", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "version"], name="rubric_version_unique"),
            models.CheckConstraint(condition=Q(version__gte=1), name="rubric_version_positive"),
        ]

    def __str__(self) -> str:
        return gettext("%(campaign)s rubric v%(version)s") % {"campaign": self.campaign, "version": self.version}

    def flag_keys(self) -> list[str]:
        return [flag["key"] for flag in self.flags]


class InstructionAcknowledgement(models.Model):
    """A labeler said that they have read this version of a campaign's instructions. One row for each labeler and
    version.
    """

    labeler = models.ForeignKey(Labeler, on_delete=models.CASCADE, related_name="acknowledgements")
    instruction_version = models.ForeignKey(
        InstructionVersion, on_delete=models.PROTECT, related_name="acknowledgements"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("instruction acknowledgement")
        verbose_name_plural = _("instruction acknowledgements")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["labeler", "instruction_version"], name="acknowledgement_once")]

    def __str__(self) -> str:
        return f"{self.labeler} has read {self.instruction_version}"
