"""What people and programs say to served models, for tests."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from labeling.base.states import CheckState, ModelKind, ModelState
from labeling.conversations.services.consent import answer_consent, record_agreement
from labeling.conversations.services.harvesting import harvest_conversations
from labeling.conversations.services.keeping import Answered, keep_answer, keep_of_person
from labeling.models import ApiToken, Campaign, HarvestRule, ModelCheck, ModelVersion, ServedConversation
from labeling.people.tokens.services import make_token
from lm.prompt_format import Message


def policy(name: str = "policy-1", **fields: Any) -> ModelVersion:
    """A served version; none of its files is read."""
    values = {"kind": ModelKind.SFT, "path": f"/models/{name}", "state": ModelState.CANDIDATE} | fields
    return ModelVersion.objects.get_or_create(name=name, defaults=values)[0]


def served(version: ModelVersion) -> ModelVersion:
    """As if a worker had tried it and found it to work."""
    ModelCheck.objects.create(model_version=version, state=CheckState.PASSED, finished_at=timezone.now())
    return version


def turns(*texts: str) -> list[Message]:
    """User and assistant in turn, the user first."""
    return [Message(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(texts)]


def asks(user: User, *texts: str, answer: str = "Because of the air.", version: ModelVersion | None = None) -> Any:
    """What is kept of the person's asking a version this, which answers; None where nothing is."""
    version = version or policy()
    conversation = keep_of_person(user=user, version=version, messages=turns(*texts))
    if conversation is not None:
        answered = Answered(text=answer, version=version, finish_reason="stop")
        keep_answer(conversation_id=conversation.pk, answered=answered)
    return conversation


def agrees(user: User, *versions: ModelVersion, agreed: bool = True) -> None:
    answer_consent(user=user, versions=versions or [policy()], agreed=agreed)


def kept(user: User, *texts: str) -> ServedConversation:
    """The person agreed, said this, and was answered."""
    agrees(user)
    conversation = asks(user, *texts)
    assert isinstance(conversation, ServedConversation)
    return conversation


def program(name: str = "bot", *, agreed: bool = True) -> ApiToken:
    """A program's token; whether its owner agreed is on record."""
    user, _ = User.objects.get_or_create(username=name)
    token, _secret = make_token(user=user, name=name, scopes=["scores"])  # type: ignore[list-item]
    record_agreement(token=token, agreed=agreed, agreement="Contract 7 of 3 May 2026, § 4.", by=user)
    return token


def takes(campaign: Campaign, share: float = 1.0, personal_data: str = "mask") -> HarvestRule:
    return HarvestRule.objects.create(campaign=campaign, share=share, personal_data=personal_data)


def harvest() -> int:
    """As if an hour had passed."""
    return harvest_conversations(now=timezone.now() + timedelta(hours=1))
