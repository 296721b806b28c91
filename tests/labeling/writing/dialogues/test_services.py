"""Dialogues handed in: who wrote which turn, what became of each suggestion, and what is refused."""

from typing import Any

import pytest

from labeling.base.refusals import AlreadySubmitted, CampaignNotOpen, PromptRefused
from labeling.base.states import CompositionKind, LabelerGroup, SuggestionOutcome, SuggestionState
from labeling.desk.services.leases import close_campaign
from labeling.models import Composition, Conversation, Demonstration, Labeler, ModelVersion, Prompt, Suggestion
from labeling.writing.dialogues.rules import Turn
from labeling.writing.dialogues.services import submit_dialogue
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request, request_suggestions
from tests.labeling.cast import make_campaign, make_labeler
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


@pytest.fixture
def dialogue(alice: Labeler) -> Composition:
    return begin(alice)


def begin(labeler: Labeler, **fields: Any) -> Composition:
    campaign = make_campaign(ask_dialogues=True, **fields)
    return start_composition(labeler=labeler, campaign=campaign, kind=CompositionKind.DIALOGUE)


def turns(*texts: str) -> list[Turn]:
    return [Turn(role="user" if number % 2 == 0 else "assistant", text=text) for number, text in enumerate(texts)]


def submit(dialogue: Composition, given: list[Turn]) -> Conversation:
    return submit_dialogue(
        labeler=dialogue.labeler, token=str(dialogue.token), language="en", turns=given, active_seconds=61.5
    )


def suggested(dialogue: Composition, model: ModelVersion, *texts: str, after: str = "How do bees fly?") -> str:
    """Asks after one user turn; returns the request's token."""
    request = request_suggestions(
        labeler=dialogue.labeler, token=str(dialogue.token), position=2, messages=[{"role": "user", "content": after}]
    )
    answer_request(request_id=request.pk, model=model, sampler=ScriptedSampler(*texts))
    return str(request.token)


def test_a_dialogue_becomes_a_conversation_a_prompt_and_a_demonstration(dialogue: Composition) -> None:
    talk = submit(dialogue, turns("Where do swifts sleep?", "In the air.", "Really?", "Yes, at 2,000 metres."))
    assert [(each.position, each.role, each.author_type) for each in talk.messages.order_by("position")] == [
        (1, "user", "human"),
        (2, "assistant", "human"),
        (3, "user", "human"),
        (4, "assistant", "human"),
    ]
    assert talk.submitted_at is not None
    prompt, demonstration = Prompt.objects.get(), Demonstration.objects.get()
    assert [each["content"] for each in prompt.messages] == ["Where do swifts sleep?", "In the air.", "Really?"]
    assert (prompt.author, prompt.source, prompt.use_case) == (dialogue.labeler, "labeler_plain", "chat")
    assert (prompt.submitter.name, prompt.demonstrations_needed) == (dialogue.labeler.pseudonym, 0)
    assert prompt.ranking_tasks_needed == dialogue.campaign.ranking_tasks_per_prompt
    assert (demonstration.source, demonstration.text) == ("dialogue", "Yes, at 2,000 metres.")
    assert demonstration.message == talk.messages.get(position=4)
    assert demonstration.active_seconds == 61.5
    dialogue.refresh_from_db()
    assert (dialogue.state, dialogue.active_seconds) == ("submitted", 61.5)


def test_what_a_held_out_labeler_wrote_is_given_to_nobody(model: ModelVersion) -> None:
    submit(begin(make_labeler("hal", group=LabelerGroup.HELD_OUT)), turns("Hi?", "Hello."))
    assert Prompt.objects.get().ranking_tasks_needed == 0
    assert Demonstration.objects.get().labeler_group == LabelerGroup.HELD_OUT


@pytest.mark.parametrize(
    ("text", "author", "outcome", "distance"),
    [("By the sun.", "model", SuggestionOutcome.USED, 0), ("By the moon.", "human", SuggestionOutcome.EDITED, 3)],
)
def test_what_became_of_a_suggestion(
    dialogue: Composition, model: ModelVersion, text: str, author: str, outcome: str, distance: int
) -> None:
    token = suggested(dialogue, model, "By the sun.", "By smell.", "They don't.")
    taken = Turn(role="assistant", text=text, suggestion=f"{token}/1")
    talk = submit(dialogue, [Turn(role="user", text="How do bees fly?"), taken])
    answer = talk.messages.get(position=2)
    first, second = Suggestion.objects.filter(number__lte=2)
    assert (answer.author_type, answer.model_version) == (author, model if author == "model" else None)
    assert (first.outcome, first.edit_distance, first.message) == (outcome, distance, answer)
    assert (second.outcome, second.edit_distance, second.message) == ("", None, None)


def test_a_suggestion_taken_twice_counts_where_it_was_taken_first(dialogue: Composition, model: ModelVersion) -> None:
    name = suggested(dialogue, model, "By the sun.", "b", "c") + "/1"
    answer = Turn(role="assistant", text="By the sun.", suggestion=name)
    user = Turn(role="user", text="How do bees fly?")
    talk = submit(dialogue, [user, answer, Turn(role="user", text="Again?"), answer])
    assert [each.author_type for each in talk.messages.order_by("position")] == ["human", "model", "human", "model"]
    assert Suggestion.objects.get(number=1).message == talk.messages.get(position=2)


@pytest.mark.parametrize("name", ["", "nonsense", "nonsense/1", "/", "00000000-0000-0000-0000-000000000001/1"])
def test_a_name_that_names_no_suggestion_is_a_persons_text(dialogue: Composition, name: str) -> None:
    talk = submit(dialogue, [Turn(role="user", text="Hi?"), Turn(role="assistant", text="Hello.", suggestion=name)])
    assert talk.messages.get(position=2).author_type == "human"


def test_the_suggestions_of_others_can_not_be_taken(dialogue: Composition, model: ModelVersion, bob: Labeler) -> None:
    name = suggested(begin(bob), model, "By the sun.", "b", "c") + "/1"
    given = [Turn(role="user", text="How?"), Turn(role="assistant", text="By the sun.", suggestion=name)]
    assert submit(dialogue, given).messages.get(position=2).author_type == "human"
    assert Suggestion.objects.get(number=1).message is None


def test_what_is_still_waited_for_is_given_up(dialogue: Composition, model: ModelVersion) -> None:
    request = request_suggestions(
        labeler=dialogue.labeler, token=str(dialogue.token), position=2, messages=[{"role": "user", "content": "How?"}]
    )
    submit(dialogue, turns("How?", "So."))
    answer_request(request_id=request.pk, model=model, sampler=ScriptedSampler())
    request.refresh_from_db()
    assert (request.state, Suggestion.objects.count()) == (SuggestionState.CANCELLED, 0)


@pytest.mark.parametrize(
    "given",
    [[], turns("Hi?"), turns("Hi?", " "), [*turns("Hi?"), *turns("Hi?", "Hello.")], turns("Hi?", "", "Well?", "Yes.")],
)
def test_turns_that_make_no_dialogue_are_refused_and_leave_nothing(dialogue: Composition, given: list[Turn]) -> None:
    with pytest.raises(PromptRefused):
        submit(dialogue, given)
    dialogue.refresh_from_db()
    assert dialogue.state == "open"
    assert Conversation.objects.count() == Prompt.objects.count() == 0


def test_a_near_duplicate_is_refused_and_the_writing_stays_open(alice: Labeler, dialogue: Composition) -> None:
    submit(dialogue, turns("Where do swifts sleep?", "In the air."))
    again = start_composition(labeler=alice, campaign=dialogue.campaign, kind=CompositionKind.DIALOGUE)
    with pytest.raises(PromptRefused) as refused:
        submit(again, turns("Where do  SWIFTS sleep?", "In the clouds."))
    assert refused.value.twin_id == Prompt.objects.get().pk
    again.refresh_from_db()
    assert again.state == "open"


def test_handed_in_twice_it_is_there_once(dialogue: Composition) -> None:
    submit(dialogue, turns("Hi?", "Hello."))
    with pytest.raises(AlreadySubmitted):
        submit(dialogue, turns("Hi there?", "Hello."))
    assert Conversation.objects.count() == 1


def test_a_closed_campaign_takes_no_dialogue(dialogue: Composition) -> None:
    close_campaign(campaign=dialogue.campaign)
    with pytest.raises(CampaignNotOpen):
        submit(dialogue, turns("Hi?", "Hello."))
