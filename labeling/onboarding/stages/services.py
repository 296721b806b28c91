"""What a stage asks for, and the end of practice."""

from django.db import transaction

from labeling.base.refusals import CampaignRefused
from labeling.base.states import CampaignStage, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.onboarding.stages.models import StageSettings
from labeling.onboarding.stages.queries import practice_of
from labeling.people.models import Labeler
from labeling.people.services import change_labeler_state


@transaction.atomic
def change_stage_settings(*, campaign: Campaign, **asked: float) -> StageSettings:
    """What the campaign asks for from now on. Nothing that was decided changes, nor does anybody's state go back.

    Raises CampaignRefused: it is a campaign of real work; ValidationError: numbers out of range.
    """
    if campaign.stage == CampaignStage.WORK:
        raise CampaignRefused(f"“{campaign}” is real work: only campaigns of screening and practice ask for that.")
    Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    stored = StageSettings.objects.filter(campaign=campaign).first() or StageSettings(campaign=campaign)
    for name, value in asked.items():
        setattr(stored, name, value)
    stored.full_clean()
    stored.save()
    return stored


@transaction.atomic
def end_practice(labeler: Labeler) -> bool:
    """Gives the labeler real work from now on if they practised as well as is asked for. Returns whether it did."""
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    if labeler.state != LabelerState.PRACTICE or not practice_of(labeler).is_enough:
        return False
    change_labeler_state(labeler=labeler, state=LabelerState.ACTIVE)
    return True


def end_every_practice() -> int:
    """Of all who practise now; returns for how many it ended."""
    return sum(end_practice(labeler) for labeler in Labeler.objects.filter(state=LabelerState.PRACTICE))
