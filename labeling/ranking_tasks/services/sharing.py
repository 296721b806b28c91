"""How many rankings a new task needs: whether it is drawn to be shared, so that one sees how well labelers agree."""

from dataclasses import dataclass

from labeling.base.states import CampaignStage
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.people.models import Labeler
from labeling.ranking_tasks.rules import drawn, share_of_tasks


@dataclass(frozen=True)
class Wanted:
    rankings: int
    shared: bool = False


def rankings_of(*, prompt: Prompt, campaign: Campaign) -> Wanted:
    """What a task of the prompt that is made now needs.

    The draw goes by the prompt and how many tasks it has, so that it is the same each time. A shared task needs no more
    rankings than there are labelers who may make them: who is alone in a language shares nothing.
    """
    usual = campaign.labels_wanted(campaign.rankings_per_task)
    if campaign.stage != CampaignStage.WORK or not campaign.shared_percent:
        return Wanted(usual)
    several = max(campaign.shared_rankings, usual)
    share = share_of_tasks(share=campaign.shared_percent / 100, shared_rankings=several, other_rankings=usual)
    if drawn(f"shared/{prompt.pk}/{prompt.ranking_tasks_made}") >= share:
        return Wanted(usual)
    rankers = Labeler.objects.filter(
        state=campaign.labeler_state, simulated=campaign.simulated, languages__contains=[prompt.language]
    ).exclude(opt_outs__overlap=prompt.content_warnings)
    able = rankers.order_by()[:several].count()
    return Wanted(max(usual, able), shared=True) if able > 1 else Wanted(usual)
