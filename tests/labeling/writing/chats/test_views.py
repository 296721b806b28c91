"""The chat's page, and what is shown of it until its ranking is done."""

from typing import Any

import pytest
from django.test import Client

from labeling.base.states import CompositionKind
from labeling.models import Composition, Labeler, Message, ModelVersion, RankingTask, SuggestionRequest
from labeling.ranking_tasks.services.sampling import one_source, sample_tasks
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="secret-model", path="/tiny", state="current")


@pytest.fixture
def chat(alice: Labeler, model: ModelVersion) -> Composition:
    campaign = make_campaign(ask_chats=True, k_min=4, k_max=4)
    return start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.CHAT)


def address(chat: Composition, button: str = "") -> str:
    return f"/compose/{chat.token}/{button}"


def say(client: Client, chat: Composition, text: str, **fields: str) -> Any:
    return client.post(address(chat, "say/"), {"text": text, "language": "en"} | fields)


def answer(text: str, model: ModelVersion) -> None:
    request = SuggestionRequest.objects.get(state="waiting")
    answer_request(request_id=request.pk, model=model, sampler=ScriptedSampler(text))


def end(client: Client, chat: Composition) -> Any:
    return client.post(address(chat, "submit/"), {"active_seconds": "3", "language": "en", "text": ""})


def html_of(client: Client, chat: Composition) -> str:
    return client.get(address(chat)).content.decode()


def test_the_labeler_speaks_and_the_model_answers(client: Client, chat: Composition, model: ModelVersion) -> None:
    assert say(client, chat, "Hi <b>there</b>!")["Location"] == address(chat) + "#latest"
    html = html_of(client, chat)
    assert "Hi &lt;b&gt;there&lt;/b&gt;!" in html
    assert "Writing …" in html
    looked = client.get(address(chat, "thread/")).json()
    assert (looked["state"], looked["said"]) == ("waiting", "")
    answer("*Hello.*", model)
    looked = client.get(address(chat, "thread/")).json()
    assert (looked["state"], looked["said"]) == ("", "The model has answered.")
    assert "<em>Hello.</em>" in looked["html"]
    assert "secret-model" not in looked["html"] + html_of(client, chat)


@pytest.mark.parametrize("text", ["", " \n", "x" * 20_001, "a\0b"])
def test_what_can_not_be_said_is_kept_with_the_reason(client: Client, chat: Composition, text: str) -> None:
    refused = say(client, chat, text)
    assert refused.status_code == 422
    assert "Everything you entered is kept" in refused.content.decode()
    assert Message.objects.count() == 0


def test_nobody_talks_over_the_model_and_the_text_is_kept(client: Client, chat: Composition) -> None:
    say(client, chat, "Hi!")
    refused = say(client, chat, "Are you there?")
    assert refused.status_code == 422
    assert "Wait for the model" in refused.content.decode()
    assert "Are you there?" in refused.content.decode()


def test_an_answer_that_never_comes_can_be_asked_for_again(
    client: Client, chat: Composition, model: ModelVersion, settings: Any
) -> None:
    say(client, chat, "Hi!")
    settings.SUGGESTION_WAIT_SECONDS = -1
    looked = client.get(address(chat, "thread/")).json()
    assert looked["state"] == ""
    assert "Ask again" in looked["html"]
    settings.SUGGESTION_WAIT_SECONDS = 120
    client.post(address(chat, "say/"), {"again": "1", "text": "a thought"})
    answer("Hello.", model)
    assert "Hello." in html_of(client, chat)


def test_the_language_is_chosen_once(client: Client, chat: Composition) -> None:
    assert '<select class="input" id="language"' in html_of(client, chat)
    say(client, chat, "你好", language="zh")
    assert '<select class="input" id="language"' not in html_of(client, chat)
    assert chat.conversation.language == "zh"


def test_from_the_end_of_the_chat_to_the_ranking(client: Client, chat: Composition, model: ModelVersion) -> None:
    say(client, chat, "Hi!")
    answer("Hello.", model)
    assert end(client, chat)["Location"] == address(chat)
    assert "Your ranking is being prepared" in html_of(client, chat)
    task = RankingTask.objects.get()
    sample_tasks(task_ids=[task.pk], sources=one_source(model, ScriptedSampler()), resample_limit=1)
    html = html_of(client, chat)
    assert "Ready: rank it" in html
    assert "data-ready" in html
    work = client.post("/next/ranking/")["Location"]
    assert "Hello." in client.get(work).content.decode()
    client.post(f"{work}submit/", ranking_form_data([1, 2, 3, 4]))
    assert "Chat and ranking submitted" in html_of(client, chat)


def test_other_work_that_is_held_comes_first(client: Client, chat: Composition, model: ModelVersion) -> None:
    make_ready_task(make_prompt(chat.campaign))
    client.post("/next/ranking/")
    say(client, chat, "Hi!")
    answer("Hello.", model)
    end(client, chat)
    sample_tasks(
        task_ids=[RankingTask.objects.latest("pk").pk], sources=one_source(model, ScriptedSampler()), resample_limit=1
    )
    assert "You have another ranking in progress" in html_of(client, chat)


def test_a_ranking_that_could_not_be_made_is_said(client: Client, chat: Composition, model: ModelVersion) -> None:
    say(client, chat, "Hi!")
    answer("Hello.", model)
    end(client, chat)
    sample_tasks(
        task_ids=[RankingTask.objects.get().pk],
        sources=one_source(model, ScriptedSampler(*["Hello."] * 20)),
        resample_limit=1,
    )
    assert "There is nothing to rank for you here" in html_of(client, chat)


def test_nothing_said_is_nothing_to_rank(client: Client, chat: Composition) -> None:
    refused = end(client, chat)
    assert refused.status_code == 422
    assert "nothing to rank" in refused.content.decode()


def test_an_ended_chat_takes_no_more_turns(client: Client, chat: Composition, model: ModelVersion) -> None:
    say(client, chat, "Hi!")
    answer("Hello.", model)
    end(client, chat)
    assert say(client, chat, "One more thing")["Location"] == address(chat)
    assert Message.objects.count() == 2


@pytest.mark.parametrize("number", [1, 5])
def test_the_page_costs_the_same_however_long_the_chat(
    number: int, client: Client, chat: Composition, model: ModelVersion, django_assert_num_queries: Any
) -> None:
    for _ in range(number):
        say(client, chat, "Hi!")
        answer("Hello.", model)
        client.get(address(chat))
    with django_assert_num_queries(10):
        assert client.get(address(chat)).status_code == 200
