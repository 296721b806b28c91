"""The dialogue's page: turn by turn, with and without scripts, and the model's suggestions for it."""

from typing import Any

import pytest
from django.test import Client

from labeling.base.states import CompositionKind
from labeling.models import Composition, Conversation, Labeler, ModelVersion, Suggestion, SuggestionRequest
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request
from tests.labeling.cast import browser_of, make_campaign, make_prompt
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="secret-model", path="/tiny", state="current")


@pytest.fixture
def dialogue(alice: Labeler) -> Composition:
    campaign = make_campaign(ask_dialogues=True)
    return start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE)


def form_data(*texts: str, **fields: str) -> dict[str, str]:
    """What the page sends: user and assistant in turn."""
    sent = {"active_seconds": "0.0", "language": "en"}
    for number, text in enumerate(texts, start=1):
        sent |= {f"{number}-role": "user" if number % 2 else "assistant", f"{number}-text": text}
        sent |= {f"{number}-request": "", f"{number}-suggestion": ""}
    return sent | fields


def address(dialogue: Composition, button: str = "") -> str:
    return f"/compose/{dialogue.token}/{button}"


def html_of(client: Client, dialogue: Composition) -> str:
    return client.get(address(dialogue)).content.decode()


def ask(client: Client, dialogue: Composition, *texts: str) -> Any:
    return client.post(address(dialogue, "suggestions/"), form_data(*texts, position=str(len(texts))))


def test_it_begins_with_a_question_and_an_answer_to_write(client: Client) -> None:
    campaign = make_campaign(ask_dialogues=True)
    begun = client.post(f"/compose/start/{campaign.slug}/dialogue/", follow=True)
    html = begun.content.decode()
    assert 'name="1-role"' in html
    assert 'name="2-text"' in html
    assert 'name="3-text"' not in html
    assert "Ask the model for 3 suggestions" in html


def test_a_dialogue_is_handed_in_and_shown(client: Client, dialogue: Composition) -> None:
    sent = form_data("Where do swifts sleep?", "In the **air**.")
    answer = client.post(address(dialogue, "submit/"), sent, follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain == [(address(dialogue), 302)]
    assert "Dialogue saved." in html
    assert "<strong>air</strong>" in html
    assert Conversation.objects.get().language == "en"


def test_handed_in_twice_the_first_counts(client: Client, dialogue: Composition) -> None:
    client.post(address(dialogue, "submit/"), form_data("One?", "First."))
    answer = client.post(address(dialogue, "submit/"), form_data("Two?", "Second."), follow=True)
    assert "submitted already" in answer.content.decode()
    assert Conversation.objects.get().messages.filter(content="First.").exists()


def test_what_is_wrong_is_said_by_turn_and_everything_is_kept(client: Client, dialogue: Composition) -> None:
    answer = client.post(address(dialogue, "submit/"), form_data("Where <do> they sleep?", " "))
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "A turn has no text. Write it, or remove it." in html
    assert 'href="#turn-2-text">Turn 2</a>' in html
    assert "Where &lt;do&gt; they sleep?" in html
    dialogue.refresh_from_db()
    assert dialogue.draft["1-text"] == ["Where <do> they sleep?"]
    assert Conversation.objects.count() == 0


def test_a_near_duplicate_is_refused_in_words(client: Client, dialogue: Composition) -> None:
    make_prompt(dialogue.campaign, text="Where do swifts sleep?")
    answer = client.post(address(dialogue, "submit/"), form_data("Where do swifts sleep?", "In the air."))
    assert answer.status_code == 422
    assert "begins like this one already" in answer.content.decode()
    assert "In the air." in answer.content.decode()


def test_the_limit_of_a_turn_is_stated_and_nothing_is_cut(client: Client, dialogue: Composition) -> None:
    answer = client.post(address(dialogue, "submit/"), form_data("x" * 20_001, "Hm."))
    assert answer.status_code == 422
    assert "longer than 20,000 characters" in answer.content.decode()
    assert "x" * 20_001 in answer.content.decode()


def test_turns_are_added_and_removed_without_scripts(client: Client, dialogue: Composition) -> None:
    client.post(address(dialogue, "turns/"), form_data("Hi?", "Hello.", do="add"))
    assert 'name="3-text"' in html_of(client, dialogue)
    client.post(address(dialogue, "turns/"), form_data("Hi?", "Hello.", "Bye!", do="remove-1"))
    html = html_of(client, dialogue)
    assert "Hi?" not in html
    assert "Bye!" in html
    client.post(address(dialogue, "turns/"), form_data("Bye!", do="system"))
    dialogue.refresh_from_db()
    assert (dialogue.draft["1-role"], dialogue.draft["2-text"]) == (["system"], ["Bye!"])


def test_suggestions_are_asked_for_used_and_dismissed_without_scripts(
    client: Client, dialogue: Composition, model: ModelVersion
) -> None:
    client.post(address(dialogue, "turns/"), form_data("How do bees fly?", "", do="ask-2"))
    asked = SuggestionRequest.objects.get()
    assert "Asking the model … 0 of 3" in html_of(client, dialogue)
    answer_request(request_id=asked.pk, model=model, sampler=ScriptedSampler("By flapping.", "<b>Up</b>.", "c"))
    html = html_of(client, dialogue)
    assert "By flapping." in html
    assert "<b>Up</b>" not in html
    sent = form_data("How do bees fly?", "", **{"2-request": str(asked.token)})
    client.post(address(dialogue, "turns/"), sent | {"do": f"use-2-{asked.token}/1"})
    client.post(address(dialogue, "turns/"), sent | {"2-text": "By flapping.", "do": f"dismiss-2-{asked.token}/2"})
    dialogue.refresh_from_db()
    assert Suggestion.objects.get(number=2).outcome == "dismissed"
    assert dialogue.draft["2-text"] == ["By flapping."]


def test_the_page_asks_looks_and_shows_what_arrives(client: Client, dialogue: Composition, model: ModelVersion) -> None:
    answer = ask(client, dialogue, "How do bees fly?", "").json()
    assert (answer["state"], answer["said"]) == ("waiting", "Asking the model … 0 of 3")
    asked = SuggestionRequest.objects.get(token=answer["request"])
    assert asked.messages == [{"role": "user", "content": "How do bees fly?"}]
    answer_request(request_id=asked.pk, model=model, sampler=ScriptedSampler("one.", "two.", "three."))
    looked = client.get(address(dialogue, f"suggestions/{asked.token}/")).json()
    assert (looked["state"], looked["said"]) == ("ready", "3 suggestions are here.")
    assert all(text in looked["html"] for text in ("one.", "two.", "three."))
    assert "secret-model" not in looked["html"] + html_of(client, dialogue)
    assert Suggestion.objects.filter(shown_at=None).count() == 0


def test_one_is_dismissed_and_the_wait_given_up_over_the_wire(
    client: Client, dialogue: Composition, model: ModelVersion
) -> None:
    first = ask(client, dialogue, "How do bees fly?", "").json()["request"]
    answer_request(
        request_id=SuggestionRequest.objects.get().pk, model=model, sampler=ScriptedSampler("one.", "two.", "three.")
    )
    left = client.post(address(dialogue, f"suggestions/{first}/"), {"dismiss": "2"}).json()
    assert "two." not in left["html"]
    assert left["said"] == "2 suggestions are here."
    second = ask(client, dialogue, "How do bees fly?", "").json()["request"]
    assert client.post(address(dialogue, f"suggestions/{second}/"), {"cancel": "1"}).json()["state"] == "cancelled"


def test_without_a_question_there_is_nothing_to_answer(client: Client, dialogue: Composition) -> None:
    answer = ask(client, dialogue, " ", "")
    assert answer.status_code == 422
    assert "Write what the user says" in answer.json()["problem"]


def test_without_a_model_the_labeler_is_told_to_go_on(client: Client, dialogue: Composition) -> None:
    answer = ask(client, dialogue, "How do bees fly?", "").json()
    assert answer["state"] == "failed"
    assert "Just continue" in answer["html"]


def test_what_never_arrives_ends_after_the_stated_time(
    client: Client, dialogue: Composition, model: ModelVersion, settings: Any
) -> None:
    asked = ask(client, dialogue, "How do bees fly?", "").json()["request"]
    settings.SUGGESTION_WAIT_SECONDS = -1
    looked = client.get(address(dialogue, f"suggestions/{asked}/")).json()
    assert looked["state"] == "failed"
    assert "The model did not answer. Just continue" in looked["html"]


def test_nobody_sees_the_suggestions_of_others(
    client: Client, dialogue: Composition, model: ModelVersion, bob: Labeler
) -> None:
    asked = ask(client, dialogue, "How do bees fly?", "").json()["request"]
    own = start_composition(labeler=bob, campaign=dialogue.campaign, kind=CompositionKind.DIALOGUE)
    browser = browser_of(bob)
    assert browser.get(address(dialogue, f"suggestions/{asked}/")).status_code == 404
    assert browser.get(address(own, f"suggestions/{asked}/")).status_code == 404
    assert browser.post(address(dialogue, "suggestions/"), form_data("a", "", position="2")).status_code == 404


@pytest.mark.parametrize("position", ["", "x", "-1"])
def test_a_position_that_is_none_is_not_found(client: Client, dialogue: Composition, position: str) -> None:
    assert client.post(address(dialogue, "suggestions/"), form_data("Hi?", "", position=position)).status_code == 404


def test_a_closed_campaign_says_so_and_keeps_the_text(client: Client, dialogue: Composition) -> None:
    type(dialogue.campaign).objects.update(state="closed")
    answer = client.post(address(dialogue, "submit/"), form_data("Where do swifts sleep?", "In the air."))
    assert answer.status_code == 410
    assert "In the air." in answer.content.decode()


@pytest.mark.usefixtures("claimed_a_while_ago")
@pytest.mark.parametrize("number", [1, 6])
def test_the_page_costs_the_same_however_long_the_dialogue(
    number: int, client: Client, dialogue: Composition, model: ModelVersion, django_assert_num_queries: Any
) -> None:
    draft: dict[str, list[str]] = {}
    for position in range(1, number + 1):
        asked = ask(client, dialogue, "How do bees fly?", "").json()["request"]
        answer_request(request_id=SuggestionRequest.objects.get(token=asked).pk, model=model, sampler=ScriptedSampler())
        draft |= {f"{position}-role": ["assistant"], f"{position}-request": [asked]}
    Composition.objects.update(draft=draft)
    # Instructions, read?; session, user and labeler, the writing, its requests, their suggestions; the time at it.
    with django_assert_num_queries(8):
        assert client.get(address(dialogue)).status_code == 200
