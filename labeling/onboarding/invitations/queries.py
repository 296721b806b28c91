"""What an invited person can choose."""

from collections.abc import Iterable

from labeling.base.states import CampaignState
from labeling.campaigns.models.campaigns import Campaign
from labeling.onboarding.invitations.models import Invitation


def languages_of(invitation: Invitation) -> list[str]:
    """What the invited person can choose from: the languages of its campaigns, or of all that are not closed."""
    return (
        _languages(invitation.campaigns.all())
        or _languages(Campaign.objects.exclude(state=CampaignState.CLOSED))
        or ["en"]
    )


def _languages(campaigns: Iterable[Campaign]) -> list[str]:
    return sorted({language for campaign in campaigns for language in campaign.languages})
