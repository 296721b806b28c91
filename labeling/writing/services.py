"""Compositions that labelers begin by themselves, and the conversations that they become, message by message."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import TextChoices
from django.utils import timezone

from labeling.base.refusals import AlreadyDiscarded, AlreadySubmitted, CampaignNotOpen, LabelerNotActive, NotOffered
from labeling.base.states import CampaignState, CompositionKind, CompositionState, SuggestionState
from labeling.base.text import clean_text
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.queries import quota_is_reached
from labeling.desk.services.held_work import HeldTable
from labeling.model_versions.models import ModelVersion
from labeling.people.models import Labeler
from labeling.writing.models import Composition, Conversation, Message
from labeling.writing.queries import own_composition
from lm.prompt_format import Message as PromptMessage


@transaction.atomic
def start_composition(*, labeler: Labeler, campaign: Campaign, kind: CompositionKind) -> Composition:
    """A new piece of writing; a second click finds the open one of this kind in which nothing was written yet.

    Raises LabelerNotActive, CampaignNotOpen, NotOffered.
    """
    labeler = Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    if labeler.works_in is None:
        raise LabelerNotActive(f"Labeler {labeler.pk} is {labeler.state}; an admin can set the state to active.")
    if campaign.state != CampaignState.ACTIVE:
        raise CampaignNotOpen(f"“{campaign}” is {campaign.state}, so nothing new is begun in it.")
    shared = [code for code in campaign.languages if code in labeler.languages]
    if kind not in campaign.own_writing() or not shared or campaign.stage != labeler.works_in:
        raise NotOffered(f"“{campaign}” does not ask labeler {labeler.pk} for {kind}.")
    if lacking := set(campaign.required_skills) - set(labeler.skills):
        raise NotOffered(f"“{campaign}” asks for skills that labeler {labeler.pk} lacks: {sorted(lacking)}.")
    if quota_is_reached(labeler, campaign):
        raise NotOffered(f"Labeler {labeler.pk} has done as much of “{campaign}” as it takes from one person.")
    untouched = Composition.objects.filter(
        labeler=labeler, campaign=campaign, kind=kind, state=CompositionState.OPEN, draft_version=0
    ).first()
    if untouched:
        untouched.languages, untouched.use_case_statements = shared, campaign.use_case_statements
        untouched.save(update_fields=["languages", "use_case_statements"])
        return untouched
    return Composition.objects.create(
        labeler=labeler,
        campaign=campaign,
        kind=kind,
        languages=shared,
        use_case_statements=campaign.use_case_statements,
        instruction_version=campaign.instruction_versions.order_by("-version")[0],
        started_at=timezone.now(),
    )


class CompositionTable(HeldTable[Composition]):
    model = Composition
    closed = {
        CompositionState.SUBMITTED: (AlreadySubmitted, "This was handed in; its draft can't change any more."),
        CompositionState.DISCARDED: (AlreadyDiscarded, "This was discarded; its draft can't change any more."),
    }
    discarded = CompositionState.DISCARDED

    def find_own(self, *, labeler: Labeler, token: str) -> Composition:
        return own_composition(labeler, token)

    def lock_own(self, *, labeler: Labeler, token: str) -> Composition:
        return (
            Composition.objects.select_for_update(of=("self",), no_key=True)
            .select_related("campaign", "labeler", "instruction_version")
            .get(token=token, labeler=labeler)
        )

    def close(self, held: Composition, state: TextChoices, **said: object) -> None:
        super().close(held, state, **said)
        cancel_waiting(held)


COMPOSITIONS = CompositionTable()


def close_submitted(composition: Composition, *, active_seconds: float) -> None:
    """Closes a locked composition: the last step of handing it in."""
    COMPOSITIONS.close(composition, CompositionState.SUBMITTED, active_seconds=max(0.0, active_seconds))


def cancel_waiting(composition: Composition) -> None:
    """Cancels what a locked composition asked the model for; suggestions that arrived stay."""
    composition.suggestion_requests.move(to=SuggestionState.CANCELLED, finished_at=timezone.now())


def begin_conversation(composition: Composition, *, language: str) -> Conversation:
    return Conversation.objects.create(
        composition=composition, campaign=composition.campaign, labeler=composition.labeler, language=language
    )


def message_of(
    conversation: Conversation, *, position: int, role: str, content: str, model_version: ModelVersion | None = None
) -> Message:
    """Returns an unsaved message, written by a person unless a model version is named. Raises UnstorableText."""
    return Message(
        conversation=conversation,
        position=position,
        role=role,
        content=clean_text(content),
        author_type="model" if model_version else "human",
        model_version=model_version,
    )


def as_messages(messages: Sequence[Message]) -> list[PromptMessage]:
    """Returns the messages in the record format."""
    return [PromptMessage(role=message.role, content=message.content) for message in messages]
