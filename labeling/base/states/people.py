"""The state and the group of a labeler, and what they are asked on their way in."""

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.base.states.campaigns import CampaignStage


class LabelerState(models.TextChoices):
    INVITED = "invited", _("Invited")
    SCREENING = "screening", _("Screening")
    PRACTICE = "practice", _("Practice")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")


# Labelers in these states are given work, that of campaigns of one stage. The claim (migration 0003) says the same.
WORKS_IN: Mapping[str, CampaignStage] = {
    LabelerState.SCREENING: CampaignStage.SCREENING,
    LabelerState.PRACTICE: CampaignStage.PRACTICE,
    LabelerState.ACTIVE: CampaignStage.WORK,
}


class LabelerGroup(models.TextChoices):
    """InstructGPT §3.4: held-out labelers come from the same vendors but produce no training data."""

    TRAINING = "training", _("Training")
    HELD_OUT = "held_out", _("Held out")


class ScreeningOutcome(models.TextChoices):
    """MORE: the candidate goes on, with items that were added."""

    ADMITTED = "admitted", _("Admitted to practice")
    REFUSED = "refused", _("Refused")
    MORE = "more", _("Asked for more")


class SensitiveTopic(models.TextChoices):
    """Topics of sensitive speech that somebody says they can judge (InstructGPT, App. B.1)."""

    HATE = "hate", _("Hate and insults")
    VIOLENCE = "violence", _("Violence")
    SEXUAL = "sexual", _("Sexual content")
    SELF_HARM = "self_harm", _("Self-harm and suicide")
    CRIME = "crime", _("Crime and drugs")
    POLITICS = "politics", _("Politics")
    RELIGION = "religion", _("Religion")
    JUDGING = "judging", _("Judging people")
    MEDICAL = "medical", _("Illness and medicine")
