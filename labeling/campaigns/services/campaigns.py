"""Campaigns: made, described, opened and closed.

Instructions read.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from labeling.base.language import checked_languages
from labeling.base.refusals import CampaignRefused
from labeling.base.states import AssignmentState, CampaignState, check_move
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.versions import InstructionAcknowledgement, InstructionVersion, RubricVersion
from labeling.campaigns.rules.rubric import RubricFlag, check_flags
from labeling.model_versions.models import RewardModel
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.people.models import Labeler
from labeling.people.skills.services import checked_skills

FIXED_WHILE_COMPARING = frozenset(
    {"mixture", "include_demonstration", "best_of_percent", "rankings_per_task", "use", "shared_percent"}
)
"""Of a campaign in which models are compared: otherwise its rankings would compare something else."""


class CampaignDefaults(TypedDict):
    k_min: int
    k_max: int
    temperature: float
    top_p: float
    max_new_tokens: int
    ready_minutes: int
    lease_minutes: int


def campaign_defaults() -> CampaignDefaults:
    """What a new campaign starts with where nobody says otherwise: the settings."""
    return CampaignDefaults(
        k_min=settings.K_MIN,
        k_max=settings.K_MAX,
        temperature=settings.SAMPLING_TEMPERATURE,
        top_p=settings.SAMPLING_TOP_P,
        max_new_tokens=settings.SAMPLING_MAX_NEW_TOKENS,
        ready_minutes=settings.READY_MINUTES,
        lease_minutes=settings.LEASE_MINUTES,
    )


@transaction.atomic
def create_campaign(
    *,
    slug: str,
    name: str,
    languages: Sequence[str],
    instructions: dict[str, str],
    flags: list[RubricFlag],
    reward_models: Iterable[RewardModel] | None = None,
    managers: Iterable[User] = (),
    **fields: Any,
) -> Campaign:
    """A draft with version 1 of its instructions and rubric; `fields` override the settings' defaults.

    It feeds the default reward model, unless others are named, or none. Raises ValidationError: a taken or malformed
    slug, numbers out of range; CampaignRefused: a broken rubric; UnknownLanguage.
    """
    fields["required_skills"] = checked_skills(fields.get("required_skills", ()))
    campaign = Campaign(
        slug=slug, name=name, languages=checked_languages(languages), **{**campaign_defaults(), **fields}
    )
    campaign.full_clean()
    campaign.save()
    campaign.reward_models.set([default_reward_model()] if reward_models is None else reward_models)
    campaign.managers.set(managers)
    publish_instructions(campaign=campaign, body=instructions)
    publish_rubric(campaign=campaign, flags=flags)
    return campaign


@transaction.atomic
def change_campaign(
    *, campaign: Campaign, reward_models: Iterable[RewardModel] | None = None, **fields: Any
) -> Campaign:
    """Changes settings of later work; work that was handed out keeps the settings that it was made with.

    Raises ValidationError: numbers out of range; CampaignRefused: `fields` names what another service changes or what
    never changes.
    """
    if fixed := sorted({"slug", "stage", "state", "created_at"} & set(fields)):
        raise CampaignRefused(
            f"{', '.join(fixed)} can't be changed here: slugs and stages stay, states have their own buttons."
        )
    campaign = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    changed = {name for name, value in fields.items() if getattr(campaign, name) != value}
    if campaign.one_each and (fixed := sorted(changed & FIXED_WHILE_COMPARING)):
        raise CampaignRefused(f"“{campaign}” compares models: {', '.join(fixed)} stay as its evaluation was planned.")
    if "languages" in fields:
        fields["languages"] = checked_languages(fields["languages"])
    if "required_skills" in fields:
        fields["required_skills"] = checked_skills(fields["required_skills"])
    for name, value in fields.items():
        setattr(campaign, name, value)
    campaign.full_clean()
    campaign.save(update_fields=list(fields))
    if reward_models is not None:
        campaign.reward_models.set(reward_models)
    return campaign


def set_managers(*, campaign: Campaign, managers: Iterable[User]) -> None:
    """Who sees and changes the campaign and what belongs to it, of those who see no others; from their next request."""
    campaign.managers.set(managers)


@transaction.atomic
def publish_instructions(*, campaign: Campaign, body: dict[str, str]) -> InstructionVersion:
    """A new version of the instructions; work claimed from now on is done under it. `body` is Markdown by language."""
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    latest = campaign.instruction_versions.aggregate(latest=Max("version"))["latest"] or 0
    return InstructionVersion.objects.create(campaign=campaign, version=latest + 1, body=body)


@transaction.atomic
def publish_rubric(*, campaign: Campaign, flags: list[RubricFlag]) -> RubricVersion:
    """A new version of the rubric. Raises CampaignRefused: a flag without a key of its own, more flags than letters."""
    check_flags(flags)
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    latest = campaign.rubric_versions.aggregate(latest=Max("version"))["latest"] or 0
    return RubricVersion.objects.create(campaign=campaign, version=latest + 1, flags=flags)


@transaction.atomic
def change_campaign_state(*, campaign: Campaign, state: CampaignState, held_work_until: datetime | None = None) -> None:
    """Opens, pauses, or closes a campaign of which nothing is held; `close_campaign` gives held work back first.

    `held_work_until`: a closed campaign takes what is held until then.

    Raises IllegalMove, and CampaignRefused when a campaign without instructions or rubric is opened.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    check_move(old=CampaignState(campaign.state), new=state)
    if state == CampaignState.ACTIVE and not (
        campaign.instruction_versions.exists() and campaign.rubric_versions.exists()
    ):
        raise CampaignRefused(f"Publish instructions and a rubric for “{campaign}” before opening it to labelers.")
    if (
        state == CampaignState.CLOSED
        and not held_work_until
        and campaign.assignments.filter(state=AssignmentState.OPEN).exists()
    ):
        raise CampaignRefused(f"Work of “{campaign}” is held; give it back before closing.")
    campaign.move(to=state, held_work_until=held_work_until)


def acknowledge(*, labeler: Labeler, instruction_version: InstructionVersion) -> None:
    """The labeler says that they have read this version; saying it twice is saying it once."""
    InstructionAcknowledgement.objects.get_or_create(labeler=labeler, instruction_version=instruction_version)
