"""Keeps what was said to a served model and what it answered, where that was consented to."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from labeling.base.states import ConversationState, PromptSource
from labeling.campaigns.rules.messages import check_messages
from labeling.conversations.models import Consent, ServedConversation, ServedTurn
from labeling.conversations.queries import consent_of_person, consent_of_program
from labeling.conversations.rules.consent import may_be_kept
from labeling.conversations.rules.digest import digest
from labeling.model_versions.models import ModelVersion
from labeling.people.queries import labeler_of
from labeling.people.tokens.models import ApiToken
from lm.prompt_format import Message

LONGEST_END_USER = 512
"""Characters of OpenAI's field `user`."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the model said to some messages."""

    text: str
    version: ModelVersion
    finish_reason: str


def keep_of_person(
    *, user: User, messages: Sequence[Message], answered: Answered, store: bool | None = None
) -> ServedConversation | None:
    """Keeps one exchange of the playground; None where the person did not agree to it for that model version."""
    consent = consent_of_person(user, answered.version)
    if consent is None or not may_be_kept(agreed=consent.agreed, store=store):
        return None
    return _keep(
        source=PromptSource.PLAYGROUND,
        submitter=submitter_of_person(user),
        user=user,
        consent=consent,
        messages=messages,
        answered=answered,
    )


def consent_for_request(token: ApiToken, *, store: bool | None) -> Consent | None:
    """The consent under which a program's request is kept; None: it is not kept. `store`: OpenAI's field of it."""
    consent = consent_of_program(token)
    return consent if consent is not None and may_be_kept(agreed=consent.agreed, store=store) else None


def keep_of_program(
    *, token: ApiToken, consent: Consent, end_user: str, messages: Sequence[Message], answered: Answered
) -> ServedConversation:
    """Keeps one exchange of a program under `consent_for_request`. `end_user`: OpenAI's field `user`, or empty.

    Raises PromptRefused: the messages do not end with a user turn.
    """
    return _keep(
        source=PromptSource.API,
        submitter=submitter_of_program(token, end_user),
        user=token.user,
        consent=consent,
        messages=messages,
        answered=answered,
    )


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
    *,
    source: PromptSource,
    submitter: str,
    user: User,
    consent: Consent,
    messages: Sequence[Message],
    answered: Answered,
) -> ServedConversation:
    """Adds to the conversation that the messages go on with, where that one still waits; otherwise begins one."""
    said = check_messages(messages)
    conversation = _goes_on(source, submitter, user, said)
    begun = conversation is None
    if conversation is None:
        conversation = ServedConversation(
            source=source, submitter=submitter, user=user, consent=consent, draw=random.random()
        )
    answer = Message(role="assistant", content=answered.text)
    conversation.digest, conversation.last_at = digest([*said, answer]), timezone.now()
    conversation.save()
    new = enumerate(said, start=1) if begun else [(len(said), said[-1])]
    ServedTurn.objects.bulk_create(
        [
            *(ServedTurn(conversation=conversation, position=place, **message) for place, message in new),
            ServedTurn(
                conversation=conversation,
                position=len(said) + 1,
                model_version=answered.version,
                finish_reason=answered.finish_reason,
                **answer,
            ),
        ]
    )
    return conversation


def _goes_on(source: PromptSource, submitter: str, user: User, said: Sequence[Message]) -> ServedConversation | None:
    """Locked. Other answers to the same turns (made again, or of two versions) begin conversations of their own."""
    if len(said) < 2:
        return None
    earlier = ServedConversation.objects.filter(
        user=user, digest=digest(said[:-1]), source=source, submitter=submitter, state=ConversationState.KEPT
    )
    return earlier.select_for_update(no_key=True).order_by("-pk").first()
