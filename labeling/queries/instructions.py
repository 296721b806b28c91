"""What labelers of a campaign are told now."""

from dataclasses import dataclass
from datetime import datetime

from labeling.markdown import render_markdown
from labeling.models import Campaign, InstructionVersion
from labeling.states import CampaignState
from labeling.wording import in_language


@dataclass(frozen=True, kw_only=True)
class InstructionsPage:
    campaign: str
    version: int
    published_at: datetime
    html: str


def instructions_of(slug: str, *, interface_language: str, drafts_too: bool) -> InstructionsPage:
    """The last published version. Raises InstructionVersion.DoesNotExist, for drafts unless `drafts_too`."""
    versions = InstructionVersion.objects.filter(campaign__slug=slug).select_related("campaign")
    if not drafts_too:
        versions = versions.exclude(campaign__state=CampaignState.DRAFT)
    latest = versions.latest("version")
    campaign: Campaign = latest.campaign
    return InstructionsPage(
        campaign=campaign.name,
        version=latest.version,
        published_at=latest.published_at,
        html=render_markdown(in_language(latest.body, interface_language), headings_from=2),
    )
