"""Kept conversations become prompts: a sampled share, behind the gates that every prompt passes."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from labeling.base.language import detect_language
from labeling.base.refusals import PromptRefused
from labeling.base.states import ConversationState, PersonalDataRule, PromptSource, UseCase
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.prompts import add_prompt
from labeling.conversations.models import HarvestRule, ServedConversation
from labeling.conversations.queries import messages_of, rules_in_force
from labeling.conversations.rules.harvest import OVER_AFTER, Share, drawn_for, gated, masked, prompt_in
from lm.prompt_format import Message

AT_ONCE = 200
"""Conversations that one run takes, so that it ends; the next goes on."""


def harvest_conversations(*, now: datetime | None = None) -> int:
    """Decides of each conversation that is over. Returns how many prompts came of them.

    While no campaign takes any, they wait. Safe to run at any time, also twice at once.
    """
    shares = _shares()
    if not shares:
        return 0
    over = ServedConversation.objects.filter(
        state=ConversationState.KEPT, last_at__lt=(now or timezone.now()) - OVER_AFTER
    )
    ids = list(over.order_by("last_at", "pk").values_list("pk", flat=True)[:AT_ONCE])
    return sum(_decide(pk, shares) is not None for pk in ids)


def take_all(*, campaign: Campaign) -> None:
    """All conversations in its languages become its prompts from now on; those with personal data wait for an admin.
    A rule that the campaign has stays as it is.
    """
    HarvestRule.objects.get_or_create(campaign=campaign, defaults={"share": 1.0})


@transaction.atomic
def release_masked(*, conversation: ServedConversation) -> Prompt:
    """Somebody looked at a conversation that was held: it becomes a prompt, with personal data masked.

    Raises IllegalMove: it is not held; PromptRefused, after which it is held as before.
    """
    locked = ServedConversation.objects.select_for_update(no_key=True).get(pk=conversation.pk)
    campaign = locked.campaign
    assert campaign is not None  # a constraint: it is held for one
    messages = masked(prompt_in(messages_of(locked), draw=_within(locked.draw)))
    return _become(locked, campaign=campaign, messages=messages)


@transaction.atomic
def pass_over(*, conversation: ServedConversation, reason: str) -> None:
    """It becomes no prompt. Raises IllegalMove: it is one, or was passed over already."""
    locked = ServedConversation.objects.select_for_update(no_key=True).get(pk=conversation.pk)
    locked.move(to=ConversationState.PASSED_OVER, note=reason.strip())


def _shares() -> list[Share]:
    return [
        Share(rule.campaign_id, rule.share, rule.campaign.languages, PersonalDataRule(rule.personal_data))
        for rule in rules_in_force().order_by("pk")
    ]


@transaction.atomic
def _decide(conversation_id: int, shares: Sequence[Share]) -> Prompt | None:
    waiting = ServedConversation.objects.filter(pk=conversation_id, state=ConversationState.KEPT)
    conversation = waiting.select_for_update(no_key=True, skip_locked=True).first()
    if conversation is None:
        return None  # withdrawn, gone on, or in other hands
    messages = prompt_in(messages_of(conversation), draw=_within(conversation.draw))
    language = _language(messages, shares)
    share = drawn_for(shares, language=language, draw=conversation.draw)
    if share is None:
        conversation.move(to=ConversationState.PASSED_OVER, note=f"Not sampled (language: {language or 'unknown'}).")
        return None
    messages, held = gated(messages, share.personal_data)
    if held:
        note = f"It holds personal data: {', '.join(held)}."
        conversation.move(to=ConversationState.HELD, note=note, campaign_id=share.campaign_id)
        return None
    try:
        campaign = Campaign.objects.get(pk=share.campaign_id)
        return _become(conversation, campaign=campaign, messages=messages, language=language)
    except PromptRefused as refused:
        conversation.move(to=ConversationState.PASSED_OVER, note=str(refused))
        return None


def _become(
    conversation: ServedConversation, *, campaign: Campaign, messages: Sequence[Message], language: str = ""
) -> Prompt:
    """The gates are those of add_prompt: 200 a submitter, near-duplicates, the split by submitter and opening."""
    prompt = add_prompt(
        campaign=campaign,
        messages=messages,
        submitter=conversation.submitter,
        source=PromptSource(conversation.source),
        use_case=UseCase.CHAT if len(messages) > 1 else UseCase.OTHER,
        language=language or detect_language(messages[-1]["content"], expected=campaign.languages) or "en",
    )
    conversation.move(to=ConversationState.PROMPT, prompt=prompt, campaign=campaign, note="")
    return prompt


def _language(messages: Sequence[Message], shares: Sequence[Share]) -> str:
    """Of the person's last turn; "" for one without a letter."""
    expected = list(dict.fromkeys(code for share in shares for code in share.languages))
    return detect_language(messages[-1]["content"], expected=expected) or ""


def _within(draw: float) -> float:
    """A second uniform number out of the first: the digits behind those that chose the campaign."""
    return draw * 1_000_000 % 1.0
