"""Keeps what was said to a served model and what it answered, where that was consented to."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from labeling.base.states import ConversationState, PromptSource
from labeling.base.text import clean_answer
from labeling.campaigns.rules.messages import check_messages
from labeling.conversations.models import Consent, ServedConversation, ServedTurn
from labeling.conversations.queries import consent_of_person, consent_of_program, messages_of
from labeling.conversations.rules.consent import may_be_kept
from labeling.conversations.rules.digest import digest
from labeling.model_versions.models import ModelVersion
from labeling.people.queries import labeler_of
from labeling.people.tokens.models import ApiToken
from lm.prompt_format import Message


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the model said, perhaps cut short: by the most tokens (length), or by whoever asked (stopped)."""

    text: str
    version: ModelVersion
    finish_reason: str


def keep_of_person(
    *, user: User, version: ModelVersion, messages: Sequence[Message], store: bool | None = None
) -> ServedConversation | None:
    """Keeps what a person is about to ask a model version; None where they did not agree to it for that version, or
    where the page brings back what was said before they agreed, or was withdrawn.

    Raises PromptRefused: the messages do not end with a user turn.
    """
    consent = consent_of_person(user, version)
    if consent is None or not may_be_kept(agreed=consent.agreed, store=store):
        return None
    if not _all_was_agreed_to(user, check_messages(messages)):
        return None
    return _keep(
        source=PromptSource.PLAYGROUND,
        submitter=submitter_of_person(user),
        user=user,
        consent=consent,
        messages=messages,
    )


def keep_of_program(
    *, token: ApiToken, messages: Sequence[Message], end_user: str = "", store: bool | None = None
) -> ServedConversation | None:
    """The same of a program's request. `end_user` and `store`: OpenAI's fields `user` and `store`."""
    consent = consent_of_program(token)
    if consent is None or not may_be_kept(agreed=consent.agreed, store=store):
        return None
    return _keep(
        source=PromptSource.API,
        submitter=submitter_of_program(token, end_user),
        user=token.user,
        consent=consent,
        messages=messages,
    )


@transaction.atomic
def keep_answer(*, conversation_id: int, answered: Answered) -> None:
    """Adds what the model said to what was kept of the question. Nothing happens where it was empty, where the
    conversation was withdrawn or harvested meanwhile, or where another answer was quicker.
    """
    kept = ServedConversation.objects.filter(pk=conversation_id, state=ConversationState.KEPT)
    conversation = kept.select_for_update(no_key=True).first()
    text = clean_answer(answered.text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    if conversation is None or not text:
        return
    said = messages_of(conversation)
    if said[-1]["role"] != "user":
        return
    answer = Message(role="assistant", content=text)
    ServedTurn.objects.create(
        conversation=conversation,
        position=len(said) + 1,
        model_version=answered.version,
        finish_reason=answered.finish_reason,
        **answer,
    )
    _touch(conversation, [*said, answer])


def submitter_of_person(user: User) -> str:
    """A labeler's is that of their other prompts, so that nobody is in two splits."""
    labeler = labeler_of(user)
    return labeler.pseudonym if labeler else f"U{user.pk}"


def submitter_of_program(token: ApiToken, end_user: str) -> str:
    """That of its account, whichever token it uses; of each end user that it names, another. Nobody can read the name
    out of it, and it stays the same for as long as SECRET_KEY does.
    """
    account = f"P{token.user_id}"
    if not end_user.strip():
        return account
    named = salted_hmac("labeling.conversations", f"{account} {end_user}", algorithm="sha256").hexdigest()
    return f"{account}-{named[:16]}"


@transaction.atomic
def _keep(
    *, source: PromptSource, submitter: str, user: User, consent: Consent, messages: Sequence[Message]
) -> ServedConversation:
    """Adds to the conversation that the messages go on with, where that one still waits; otherwise begins one."""
    said = check_messages(messages)
    earlier = ServedConversation.objects.filter(
        user=user, source=source, submitter=submitter, state=ConversationState.KEPT
    ).select_for_update(no_key=True)
    conversation, known = _goes_on(earlier, said)
    if conversation is None:
        conversation = ServedConversation(
            source=source, submitter=submitter, user=user, consent=consent, draw=random.random()
        )
    _touch(conversation, said)
    ServedTurn.objects.bulk_create(
        ServedTurn(conversation=conversation, position=place, **message)
        for place, message in enumerate(said[known:], start=known + 1)
    )
    return conversation


def _goes_on(earlier: QuerySet[ServedConversation], said: Sequence[Message]) -> tuple[ServedConversation | None, int]:
    """The conversation that the messages add to, and how many of them it has: all but the last turn, or all but the
    last two where its answer was not kept. Other answers to the same turns (made again, or of two versions) begin
    conversations of their own.
    """
    for known in (len(said) - 1, len(said) - 2):
        if known > 0 and (found := earlier.filter(digest=digest(said[:known])).order_by("-pk").first()):
            return found, known
    return None, 0


def _all_was_agreed_to(user: User, said: Sequence[Message]) -> bool:
    """Whether what stands before the last question, and the answer that it follows, is kept already."""
    before = list(said[:-2])
    if all(message["role"] != "user" for message in before):
        return True
    same = ServedConversation.objects.filter(
        user=user,
        source=PromptSource.PLAYGROUND,
        turns__position=len(before),
        turns__role=before[-1]["role"],
        turns__content=before[-1]["content"],
    )
    return any(messages_of(conversation)[: len(before)] == before for conversation in same)


def _touch(conversation: ServedConversation, said: Sequence[Message]) -> None:
    conversation.digest, conversation.last_at = digest(said), timezone.now()
    conversation.save()
