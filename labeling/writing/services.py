"""A labeler's own writing: begun, saved as a draft, handed in or thrown away.

Conversations, message by message.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import AlreadyDiscarded, AlreadySubmitted, CampaignNotOpen, LabelerNotActive, NotOffered
from labeling.base.states import CampaignState, CompositionKind, CompositionState, LabelerState, SuggestionState
from labeling.base.text import clean_text
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.services.drafts import check_base_version, keep_replaced
from labeling.model_versions.models import ModelVersion
from labeling.people.models import Labeler
from labeling.writing.models import Composition, Conversation, Message


@transaction.atomic
def start_composition(*, labeler: Labeler, campaign: Campaign, kind: CompositionKind) -> Composition:
    """A new piece of writing; a second click finds the open one of this kind in which nothing was written yet.

    Raises LabelerNotActive, CampaignNotOpen, NotOffered.
    """
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    _check_labeler(labeler)
    if campaign.state != CampaignState.ACTIVE:
        raise CampaignNotOpen(f"“{campaign}” is {campaign.state}, so nothing new is begun in it.")
    if kind not in campaign.own_writing() or not set(campaign.languages) & set(labeler.languages):
        raise NotOffered(f"“{campaign}” does not ask labeler {labeler.pk} for {kind}.")
    untouched = Composition.objects.filter(
        labeler=labeler, campaign=campaign, kind=kind, state=CompositionState.OPEN, draft_version=0
    ).first()
    return untouched or Composition.objects.create(
        labeler=labeler,
        campaign=campaign,
        kind=kind,
        instruction_version=campaign.instruction_versions.order_by("-version")[0],
        started_at=timezone.now(),
    )


@transaction.atomic
def save_composition_draft(
    *, labeler: Labeler, token: str, draft: dict[str, Any], base_version: int, settles: bool = False
) -> Composition:
    """Keeps the draft as version `base_version` + 1.

    `settles`: it was chosen over the one that it replaces, which is kept as an earlier version.

    Raises DraftConflict when somebody saved meanwhile, AlreadySubmitted, AlreadyDiscarded, Composition.DoesNotExist.
    """
    composition = lock_own_composition(labeler=labeler, token=token)
    check_open(composition)
    check_base_version(composition, base_version)
    store_composition_draft(composition, draft, settles=settles)
    return composition


@transaction.atomic
def keep_unsubmitted_composition(*, labeler: Labeler, token: str, draft: dict[str, Any]) -> None:
    """Saves what a refused submission held, so that a refusal costs nobody their work."""
    composition = lock_own_composition(labeler=labeler, token=token)
    if composition.state == CompositionState.OPEN:
        store_composition_draft(composition, draft)


@transaction.atomic
def discard_composition(*, labeler: Labeler, token: str) -> Composition:
    """Closes it without handing it in. The draft stays in the database; twice is once. Raises AlreadySubmitted."""
    composition = lock_own_composition(labeler=labeler, token=token)
    if composition.state == CompositionState.SUBMITTED:
        raise AlreadySubmitted("This was handed in before; it can't be thrown away.")
    if composition.state == CompositionState.OPEN:
        composition.move(to=CompositionState.DISCARDED, closed_at=timezone.now())
        cancel_waiting(composition)
    return composition


def lock_own_composition(*, labeler: Labeler, token: str) -> Composition:
    """The labeler's own, locked. Raises Composition.DoesNotExist for anybody else's."""
    return (
        Composition.objects.select_for_update(of=("self",), no_key=True)
        .select_related("campaign", "labeler", "instruction_version")
        .get(token=token, labeler=labeler)
    )


def check_open(composition: Composition) -> None:
    """Raises AlreadySubmitted or AlreadyDiscarded."""
    if composition.state == CompositionState.SUBMITTED:
        raise AlreadySubmitted("This was handed in; its draft can't change any more.")
    if composition.state == CompositionState.DISCARDED:
        raise AlreadyDiscarded("This was thrown away; its draft can't change any more.")


def check_may_hand_in(composition: Composition) -> None:
    """For a locked composition, before it is handed in. Paused campaigns take what was begun.

    Raises LabelerNotActive, CampaignNotOpen, AlreadySubmitted, AlreadyDiscarded.
    """
    check_open(composition)
    _check_labeler(composition.labeler)
    if composition.campaign.state == CampaignState.CLOSED:
        raise CampaignNotOpen(f"“{composition.campaign}” was closed, so it takes no more work. The draft is kept.")


def close_composition(composition: Composition, *, active_seconds: float, now: datetime) -> None:
    """The last step of handing in a locked composition."""
    composition.move(to=CompositionState.SUBMITTED, closed_at=now, active_seconds=max(0.0, active_seconds))
    cancel_waiting(composition)


def cancel_waiting(composition: Composition) -> None:
    """Nobody waits any more for what a locked composition asked for; what arrived stays."""
    composition.suggestion_requests.move(to=SuggestionState.CANCELLED, finished_at=timezone.now())


def store_composition_draft(composition: Composition, draft: dict[str, Any], *, settles: bool = False) -> None:
    """Writes the draft of a locked composition, whatever version it was at."""
    keep_replaced(composition, draft, always=settles)
    composition.draft = draft
    composition.draft_version += 1
    composition.draft_saved_at = timezone.now()
    composition.save(update_fields=["draft", "draft_version", "draft_saved_at"])


def _check_labeler(labeler: Labeler) -> None:
    if labeler.state != LabelerState.ACTIVE:
        raise LabelerNotActive(f"Labeler {labeler.pk} is {labeler.state}; an admin can set the state to active.")


def begin_conversation(composition: Composition, *, language: str) -> Conversation:
    return Conversation.objects.create(
        composition=composition, campaign=composition.campaign, labeler=composition.labeler, language=language
    )


def message_of(
    conversation: Conversation, *, position: int, role: str, content: str, model_version: ModelVersion | None = None
) -> Message:
    """Not saved yet; by a person unless a model version is named. Raises UnstorableText."""
    return Message(
        conversation=conversation,
        position=position,
        role=role,
        content=clean_text(content),
        author_type="model" if model_version else "human",
        model_version=model_version,
    )


def as_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """As the record format has them."""
    return [{"role": message.role, "content": message.content} for message in messages]
