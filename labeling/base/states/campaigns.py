"""The state, the use and the stage of a campaign."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")


class CampaignUse(models.TextChoices):
    """What its labels are for. The split of a prompt is that of its submitter, whatever the use."""

    TRAIN_AND_EVALUATE = "train_and_evaluate", _("Train and evaluate")
    EVALUATE_ONLY = "evaluate_only", _("Evaluate only")
    NEVER_TRAIN = "never_train", _("Never train")


class CampaignStage(models.TextChoices):
    """For whom its work is. What is done in screening and in practice is no label of real work."""

    WORK = "work", _("Real work")
    SCREENING = "screening", pgettext_lazy("stage", "Screening")
    PRACTICE = "practice", pgettext_lazy("stage", "Practice")
