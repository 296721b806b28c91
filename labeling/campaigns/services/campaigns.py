"""Campaigns: made, described, opened and closed.

Instructions read.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from labeling.base.refusals import CampaignRefused
from labeling.base.states import AssignmentState, CampaignState, check_move
from labeling.campaigns.models.campaigns import Campaign, InstructionAcknowledgement, InstructionVersion, RubricVersion
from labeling.campaigns.rules.rubric import why_refused
from labeling.desk.models import Assignment
from labeling.desk.services.leases import release
from labeling.people.models import Labeler


def campaign_defaults() -> dict[str, Any]:
    """What a new campaign starts with where nobody says otherwise: the settings."""
    return {
        "k_min": settings.K_MIN,
        "k_max": settings.K_MAX,
        "temperature": settings.SAMPLING_TEMPERATURE,
        "top_p": settings.SAMPLING_TOP_P,
        "max_new_tokens": settings.SAMPLING_MAX_NEW_TOKENS,
        "ready_depth": settings.READY_QUEUE_DEPTH,
        "lease_minutes": settings.LEASE_MINUTES,
    }


@transaction.atomic
def create_campaign(
    *,
    slug: str,
    name: str,
    languages: Sequence[str],
    instructions: dict[str, str],
    flags: list[dict[str, Any]],
    **fields: Any,
) -> Campaign:
    """A draft with version 1 of its instructions and rubric; `fields` override the settings' defaults.

    Raises ValidationError: a taken or malformed slug, numbers out of range; CampaignRefused: a broken rubric.
    """
    campaign = Campaign(slug=slug, name=name, languages=list(languages), **campaign_defaults() | fields)
    campaign.full_clean()
    campaign.save()
    publish_instructions(campaign=campaign, body=instructions)
    publish_rubric(campaign=campaign, flags=flags)
    return campaign


@transaction.atomic
def change_campaign(*, campaign: Campaign, **fields: Any) -> Campaign:
    """Settings of work to come; work that was handed out keeps what it was made with.

    Raises ValidationError: numbers out of range; CampaignRefused: `fields` names what has a door of its own or stays.
    """
    if fixed := sorted({"slug", "state", "created_at"} & set(fields)):
        raise CampaignRefused(f"{', '.join(fixed)} can't be changed here: slugs stay, states have their own buttons.")
    campaign = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    for name, value in fields.items():
        setattr(campaign, name, value)
    campaign.full_clean()
    campaign.save(update_fields=list(fields))
    return campaign


@transaction.atomic
def publish_instructions(*, campaign: Campaign, body: dict[str, str]) -> InstructionVersion:
    """A new version of the instructions; work claimed from now on is done under it. `body` is Markdown by language."""
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    latest = campaign.instruction_versions.aggregate(latest=Max("version"))["latest"] or 0
    return InstructionVersion.objects.create(campaign=campaign, version=latest + 1, body=body)


@transaction.atomic
def publish_rubric(*, campaign: Campaign, flags: list[dict[str, Any]]) -> RubricVersion:
    """A new version of the rubric. Raises CampaignRefused: a flag without a key of its own, more flags than letters."""
    if refused := why_refused([flag.get("key", "") for flag in flags]):
        raise CampaignRefused(refused)
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    latest = campaign.rubric_versions.aggregate(latest=Max("version"))["latest"] or 0
    return RubricVersion.objects.create(campaign=campaign, version=latest + 1, flags=flags)


@transaction.atomic
def change_campaign_state(*, campaign: Campaign, state: CampaignState) -> None:
    """Opens, pauses or closes. Closing gives every held piece of work back to the queue; the drafts stay.

    Raises IllegalMove, and CampaignRefused when a campaign without instructions or rubric is opened.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    check_move(old=CampaignState(campaign.state), new=state)
    if state == CampaignState.ACTIVE and not (
        campaign.instruction_versions.exists() and campaign.rubric_versions.exists()
    ):
        raise CampaignRefused(f"Publish instructions and a rubric for “{campaign}” before opening it to labelers.")
    campaign.move(to=state)
    if state == CampaignState.CLOSED:
        held = Assignment.objects.select_for_update().filter(campaign=campaign, state=AssignmentState.OPEN)
        release(assignments=list(held), state=AssignmentState.LAPSED, now=timezone.now())


def acknowledge(*, labeler: Labeler, instruction_version: InstructionVersion) -> None:
    """The labeler says that they have read this version; saying it twice is saying it once."""
    InstructionAcknowledgement.objects.get_or_create(labeler=labeler, instruction_version=instruction_version)
