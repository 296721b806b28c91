"""The demonstrations that an installation may begin with, from starter_campaign/, in a closed campaign."""

from django.db import transaction

from labeling.base.states import CampaignState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.services.campaigns import change_campaign_state, create_campaign
from labeling.campaigns.services.starter import LANGUAGES, STARTER, starter_flags, starter_instructions
from labeling.imports.rules.reading import read_prompts
from labeling.imports.services.taking_in import import_rows

SLUG = "starter-demonstrations"
FILE = STARTER / "demonstrations.jsonl"


@transaction.atomic
def load_starter_demonstrations() -> int:
    """Returns how many came in: none where the campaign is there already, whatever became of it."""
    if Campaign.objects.filter(slug=SLUG).exists():
        return 0
    campaign = create_campaign(
        slug=SLUG,
        name="Starter demonstrations",
        description="Short answers to everyday requests, to try supervised fine-tuning on. Nobody is given work of it.",
        languages=LANGUAGES,
        instructions=starter_instructions(),
        flags=starter_flags(),
        demonstrations_per_prompt=1,
        ranking_tasks_per_prompt=0,
    )
    with FILE.open("rb") as file:
        result = import_rows(campaign, read_prompts(file, filename=FILE.name), keep_good=False)
    assert result.written, result.refused  # our own file
    change_campaign_state(campaign=campaign, state=CampaignState.CLOSED)
    return result.demonstrations
