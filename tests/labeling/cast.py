"""The people and the work of the tests' stories. Alice and Bob label; a campaign has them rank and write.

Everything is made through the services, so that no test rests on rows which the product could not have written.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from django.test import Client

from labeling.base.states import CampaignState, LabelerState, PromptSource, UseCase
from labeling.campaigns.rules.rubric import RubricFlag
from labeling.campaigns.services.campaigns import (
    acknowledge,
    change_campaign_state,
    publish_instructions,
    publish_rubric,
)
from labeling.campaigns.services.prompts import add_prompt
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Campaign, Labeler, Prompt, RankingTask
from labeling.people.services import create_labeler
from labeling.ranking_tasks.rules import GivenCompletion
from labeling.ranking_tasks.services.tasks import make_task_of_given

PASSWORD = "correct horse battery"

FLAGS: list[RubricFlag] = [
    {
        "key": "fails_task",
        "label": {"en": "Fails the task", "zh-hans": "没有完成任务"},
        "help": {"en": "It doesn't do what was asked.", "zh-hans": "没做对方要求的事。"},
    },
    {
        "key": "hallucination",
        "label": {"en": "Hallucination", "zh-hans": "编造内容"},
        "help": {"en": "It states what the text doesn't say.", "zh-hans": "说了材料里没有的内容。"},
    },
]
INSTRUCTIONS = {
    "en": "# Be helpful\n\nRate each completion **alone**, then sort them. Ties are encouraged.",
    "zh-hans": "# 有帮助\n\n先**单独**给每个回答评分，再排序。鼓励并列。",
}

_numbers = count(1)


def make_campaign(
    *,
    name: str = "",
    state: CampaignState = CampaignState.ACTIVE,
    instructions: Mapping[str, str] = INSTRUCTIONS,
    flags: Sequence[RubricFlag] = FLAGS,
    read: bool = True,
    **fields: Any,
) -> Campaign:
    """A campaign with published instructions and rubric, open unless `state` says otherwise.

    `read`: whoever is there has read its instructions. No task is drawn to be shared unless `fields` say so.
    """
    number = next(_numbers)
    campaign = Campaign.objects.create(
        **{"slug": f"campaign-{number}", "name": name or f"Campaign {number}", "languages": ["en", "zh"]}
        | {"shared_percent": 0}
        | fields
    )
    campaign.reward_models.add(default_reward_model())
    publish_instructions(campaign=campaign, body=dict(instructions))
    publish_rubric(campaign=campaign, flags=list(flags))
    for step in _steps_to(state):
        change_campaign_state(campaign=campaign, state=step)
    campaign.refresh_from_db()
    if read:
        for labeler in Labeler.objects.all():
            have_read(labeler, campaign)
    return campaign


def _steps_to(state: CampaignState) -> list[CampaignState]:
    if state == CampaignState.DRAFT:
        return []
    return [CampaignState.ACTIVE] if state == CampaignState.ACTIVE else [CampaignState.ACTIVE, state]


def make_labeler(
    name: str = "alice",
    *,
    state: LabelerState = LabelerState.ACTIVE,
    languages: Sequence[str] = ("en", "zh"),
    **fields: Any,
) -> Labeler:
    """A labeler who can log in as `name` with PASSWORD and has read all the instructions there are."""
    labeler = create_labeler(username=name, password=PASSWORD, state=state, languages=languages, **fields)
    for campaign in Campaign.objects.all():
        have_read(labeler, campaign)
    return labeler


def have_read(labeler: Labeler, campaign: Campaign) -> None:
    """They said so of the campaign's present instructions."""
    acknowledge(labeler=labeler, instruction_version=campaign.instruction_versions.latest("version"))


def make_prompt(
    campaign: Campaign,
    *,
    text: str = "",
    messages: Sequence[Mapping[str, object]] | None = None,
    language: str = "en",
    submitter: str = "carol",
    **fields: Any,
) -> Prompt:
    """A prompt of one user turn, or of `messages`. Without a text it asks something nobody asked before."""
    text = text or f"{next(_numbers)}: why is the sky blue?"
    return add_prompt(
        campaign=campaign,
        messages=messages or [{"role": "user", "content": text}],
        language=language,
        submitter=submitter,
        **{"source": PromptSource.IMPORT, "use_case": UseCase.OPEN_QA} | fields,
    )


def make_ready_task(
    prompt: Prompt, *, texts: Sequence[str] = (), k: int = 4, model: str = "secret-model"
) -> RankingTask:
    """A ranking task that can be claimed: of `texts`, or of `k` short answers."""
    texts = texts or [f"Answer number {number} to it." for number in range(1, k + 1)]
    return make_task_of_given(prompt=prompt, completions=[GivenCompletion(text=text, model=model) for text in texts])


def browser_of(labeler: Labeler) -> Client:
    """A browser in which that labeler is logged in."""
    client = Client()
    client.force_login(labeler.user)
    return client


def ranking_form_data(ranks: Sequence[int], **changes: Any) -> dict[str, Any]:
    """What the ranking page sends: rank and quality by shown position. A change of None leaves a field out."""
    form_data: dict[str, Any] = {"active_seconds": "12.5"}
    for position, rank in enumerate(ranks, start=1):
        form_data |= {f"{position}-rank": str(rank), f"{position}-quality": str(max(1, 8 - rank))}
    return {name: value for name, value in (form_data | changes).items() if value is not None}
