"""Chats with the current model, and the ranking that each ends in (ChatGPT's data collection, FACTS §6)."""

import random

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import ChatRefused, PromptRefused
from labeling.base.states import PromptSource, SamplingState, SuggestionState, UseCase
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.prompts import add_prompt
from labeling.desk.rules.drafts import SentDraft
from labeling.desk.services.drafts import check_builds_on
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.completions import DRAWN, Completion
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.rules import text_key
from labeling.ranking_tasks.services.tasks import make_task
from labeling.writing.models import Composition, Conversation, Message
from labeling.writing.services import (
    COMPOSITIONS,
    as_messages,
    begin_conversation,
    cancel_waiting,
    close_submitted,
    message_of,
)
from labeling.writing.suggestions.services import ask

MOST_CHAT_TURNS = 20
"""Of the labeler's; enough for any conversation of ChatGPT's published data, and within a small model's context."""


@transaction.atomic
def say(*, labeler: Labeler, token: str, text: str, language: str, sent: SentDraft | None = None) -> Conversation:
    """Adds the labeler's turn and asks the model for its answer. The draft loses the text.

    `sent`: what the page sends. Raises ChatRefused: it is the model's turn, or there have been MOST_CHAT_TURNS;
    PromptRefused: an empty text; DraftConflict, LabelerNotActive, CampaignNotOpen, AlreadySubmitted, AlreadyDiscarded,
    Composition.DoesNotExist.
    """
    composition = COMPOSITIONS.lock_own(labeler=labeler, token=token)
    COMPOSITIONS.check_standing(composition)
    if sent is not None:
        check_builds_on(composition, sent)
        if sent.settles:  # the text that was not chosen is kept
            COMPOSITIONS.store_draft(composition, sent.fields, settles=True)
    conversation = Conversation.objects.filter(composition=composition).first()
    said = list(conversation.messages.order_by("position")) if conversation else []
    _check_turn(said)
    asked = [*as_messages(said), {"role": "user", "content": text}]
    conversation = conversation or begin_conversation(composition, language=language)
    request = ask(composition, position=len(asked) + 1, messages=asked, wanted=1)
    message_of(conversation, position=len(asked), role="user", content=request.messages[-1]["content"]).save()
    rest = {name: values for name, values in sent.fields.items() if name != "text"} if sent else {}
    COMPOSITIONS.store_draft(composition, rest)
    return conversation


def _check_turn(said: list[Message]) -> None:
    if said and said[-1].role == "user":
        raise ChatRefused("The model has not answered yet; wait for it, or ask it again.")
    if sum(message.role == "user" for message in said) >= MOST_CHAT_TURNS:
        raise ChatRefused(f"This chat has {MOST_CHAT_TURNS} turns of yours, the most that one may have. End it.")


@transaction.atomic
def ask_again(*, labeler: Labeler, token: str) -> None:
    """Asks for the answer that did not come. Does nothing where one came, or is still waited for.

    Raises as `say` does.
    """
    composition = COMPOSITIONS.lock_own(labeler=labeler, token=token)
    COMPOSITIONS.check_standing(composition)
    said = list(Message.objects.filter(conversation__composition=composition).order_by("position"))
    waited_for = composition.suggestion_requests.filter(state=SuggestionState.WAITING).exists()
    if said and said[-1].role == "user" and not waited_for:
        ask(composition, position=len(said) + 1, messages=as_messages(said), wanted=1)


@transaction.atomic
def stop_answer(*, labeler: Labeler, token: str) -> None:
    """The labeler wants no more of the answer that is being written; it is left out. Does nothing where none is."""
    cancel_waiting(COMPOSITIONS.lock_own(labeler=labeler, token=token))


@transaction.atomic
def end_chat(
    *,
    labeler: Labeler,
    token: str,
    active_seconds: float,
    sent: SentDraft | None = None,
    chance: random.Random | None = None,
) -> RankingTask:
    """Closes the chat, picks one of the model's messages at random, and has alternatives to it sampled for its labeler.

    The picked message itself is one of the completions. Where its prefix is a near-duplicate of a prompt that the
    campaign has, another message is picked. Raises ChatRefused: the model has said nothing yet; PromptRefused: no
    message can be picked; DraftConflict, LabelerNotActive, CampaignNotOpen, AlreadySubmitted, AlreadyDiscarded.
    """
    composition = COMPOSITIONS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    said = list(
        Message.objects.filter(conversation__composition=composition)
        .select_related("conversation", "model_version", "suggestion__request")
        .order_by("position")
    )
    if not any(message.author_type == "model" for message in said):
        raise ChatRefused("The model has not said anything yet, so there is nothing to rank.")
    prompt, picked = _pick(composition, said, chance or random.Random())
    task = _make_reserved_task(composition, prompt, picked)
    Conversation.objects.filter(composition=composition).update(submitted_at=timezone.now())
    close_submitted(composition, active_seconds=active_seconds)
    return task


def _pick(composition: Composition, said: list[Message], chance: random.Random) -> tuple[Prompt, Message]:
    candidates = [message for message in said if message.author_type == "model"]
    chance.shuffle(candidates)
    for picked in candidates[:-1]:
        try:
            return _prompt_before(composition, said, picked), picked
        except PromptRefused:
            continue
    return _prompt_before(composition, said, candidates[-1]), candidates[-1]


def _prompt_before(composition: Composition, said: list[Message], picked: Message) -> Prompt:
    return add_prompt(
        campaign=composition.campaign,
        messages=as_messages([message for message in said if message.position < picked.position]),
        submitter=composition.labeler.pseudonym,
        source=PromptSource.LABELER_PLAIN,
        use_case=UseCase.CHAT,
        language=picked.conversation.language,
        author=composition.labeler,
        picked_message_id=picked.pk,
        demonstrations_needed=0,
        ranking_tasks_needed=1,
    )


def _make_reserved_task(composition: Composition, prompt: Prompt, picked: Message) -> RankingTask:
    task = make_task(prompt=prompt, campaign=composition.campaign, rankings_needed=1, reserved_for=composition.labeler)
    suggestion = picked.suggestion
    run = SamplingRun.objects.create(
        task=task,
        model_version=picked.model_version,
        requested=1,
        temperature=suggestion.request.temperature,
        top_p=suggestion.request.top_p,
        max_new_tokens=suggestion.request.max_new_tokens,
        seed=suggestion.seed,
        state=SamplingState.DONE,
        worker=suggestion.request.worker,
        finished_at=timezone.now(),
    )
    Completion.objects.create(
        task=task,
        run=run,
        text=picked.content,
        text_key=text_key(picked.content),
        **{name: getattr(suggestion, name) for name in DRAWN},
    )
    return task
