"""Dialogues handed in: both sides were written by a labeler, some of it perhaps with the model's suggestions."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from rapidfuzz.distance import Levenshtein

from labeling.base.refusals import PromptRefused
from labeling.base.states import LabelerGroup, PromptSource, SuggestionOutcome, UseCase
from labeling.base.text import clean_answer, clean_text
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.prompts import add_prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.rules.drafts import SentDraft
from labeling.people.models import Labeler
from labeling.writing.dialogues.rules import Turn, messages_before
from labeling.writing.models import Composition, Conversation, Message
from labeling.writing.services import (
    COMPOSITIONS,
    begin_conversation,
    close_submitted,
    message_of,
)
from labeling.writing.suggestions.models import Suggestion


@transaction.atomic
def submit_dialogue(
    *,
    labeler: Labeler,
    token: str,
    language: str,
    turns: Sequence[Turn],
    active_seconds: float,
    sent: SentDraft | None = None,
) -> Conversation:
    """Hands a dialogue in: an immutable conversation, a prompt of all but the last turn, and that as demonstration.

    Raises PromptRefused (turns that do not alternate, a near-duplicate, too many prompts), UnstorableText,
    DraftConflict, LabelerNotActive, CampaignNotOpen, AlreadySubmitted, AlreadyDiscarded, Composition.DoesNotExist.
    """
    composition = COMPOSITIONS.lock_to_hand_in(labeler=labeler, token=token, sent=sent)
    _check_ends_with_an_answer(turns)
    conversation = begin_conversation(composition, language=language)
    prompt = _prompt_of(composition, turns, language)
    answer = _write(conversation, turns)
    _demonstrate(composition, prompt, answer, active_seconds)
    conversation.submitted_at = timezone.now()
    conversation.save(update_fields=["submitted_at"])
    close_submitted(composition, active_seconds=active_seconds)
    return conversation


def _check_ends_with_an_answer(turns: Sequence[Turn]) -> None:
    if not turns or turns[-1].role != "assistant" or not turns[-1].text.strip():
        raise PromptRefused("A dialogue ends with what the assistant says; write its last turn.")


def _prompt_of(composition: Composition, turns: Sequence[Turn], language: str) -> Prompt:
    labeler = composition.labeler
    # Held-out labelers produce no training data, so nobody is asked to label what they wrote.
    tasks = 0 if labeler.group == LabelerGroup.HELD_OUT else None
    return add_prompt(
        campaign=composition.campaign,
        messages=messages_before(turns, len(turns)),
        submitter=labeler.pseudonym,
        source=PromptSource.LABELER_PLAIN,
        use_case=UseCase.CHAT,
        language=language,
        author=labeler,
        demonstrations_needed=0,
        ranking_tasks_needed=tasks,
    )


def _write(conversation: Conversation, turns: Sequence[Turn]) -> Message:
    """All turns, and what became of the suggestions that they took. Returns the last.

    A turn that took one word for word is the model's own; one that edited it is a person's.
    """
    offered = _offered(conversation)
    messages, taken = [], []
    for position, turn in enumerate(turns, start=1):
        text = clean_answer(turn.text) if turn.role == "assistant" else clean_text(turn.text)
        suggestion = offered.get(turn.suggestion) if turn.role == "assistant" else None
        distance = Levenshtein.distance(suggestion.text, text) if suggestion else None
        model = suggestion.model_version if suggestion and distance == 0 else None
        message = message_of(conversation, position=position, role=turn.role, content=text, model_version=model)
        messages.append(message)
        taken.append((suggestion, distance, message))
    Message.objects.bulk_create(messages)
    for suggestion, distance, message in taken:
        if suggestion and suggestion.message_id is None:
            _note_outcome(suggestion, distance or 0, message)
    return messages[-1]


def _offered(conversation: Conversation) -> dict[str, Suggestion]:
    """The dialogue's own suggestions, by the name that a turn's field gives them."""
    own = Suggestion.objects.filter(request__composition=conversation.composition_id)
    return {
        f"{suggestion.request.token}/{suggestion.number}": suggestion
        for suggestion in own.select_related("request", "model_version")
    }


def _note_outcome(suggestion: Suggestion, distance: int, message: Message) -> None:
    suggestion.outcome = SuggestionOutcome.EDITED if distance else SuggestionOutcome.USED
    suggestion.edit_distance, suggestion.message = distance, message
    suggestion.save(update_fields=["outcome", "edit_distance", "message"])


def _demonstrate(composition: Composition, prompt: Prompt, answer: Message, active_seconds: float) -> Demonstration:
    return Demonstration.objects.create(
        prompt=prompt,
        labeler=composition.labeler,
        source="dialogue",
        message=answer,
        text=answer.content,
        instruction_version_id=composition.instruction_version_id,
        active_seconds=max(0.0, active_seconds),
        labeler_group=composition.labeler.group,
        simulated=composition.labeler.simulated,
    )
