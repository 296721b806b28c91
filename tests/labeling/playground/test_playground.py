"""People talk with a served model; what is kept of it is what they agreed to."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from labeling.base.refusals import ServingRefused, ServingUnavailable
from labeling.base.states import LabelerState
from labeling.conversations.rules.consent import WORDING
from labeling.models import Consent, Labeler, ModelVersion, ServedConversation, ServedTurn, Withdrawal
from tests.labeling.cast import browser_of, make_labeler
from tests.labeling.conversations.talks import kept, policy
from tests.labeling.playground.scripted_stream import ScriptedServer, server

__all__ = ["server"]
pytestmark = pytest.mark.django_db
HELLO = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture
def version() -> ModelVersion:
    return policy(state="current")


def ask(client: Client, of: ModelVersion, messages: Any = HELLO, **changes: Any) -> Any:
    """As browsers do, which take compressed answers: a stream that was compressed would come in one piece."""
    sent = {"version": of.pk, "messages": messages, "temperature": 0.7} | changes
    browser = {"accept-encoding": "gzip, deflate, br"}
    return client.post(reverse("playground_answer"), json.dumps(sent), "application/json", headers=browser)


def agree(client: Client, *versions: ModelVersion, word: str = "yes", wording: str = WORDING) -> int:
    sent = {"agreed": word, "version": [version.pk for version in versions], "wording": wording}
    return client.post(reverse("playground_consent"), sent).status_code


def events_of(response: Any) -> list[dict[str, Any]]:
    lines = b"".join(response.streaming_content).decode().split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def test_the_model_answers_after_a_yes_and_the_turns_are_kept(
    client: Client, alice: Labeler, server: ScriptedServer, version: ModelVersion
) -> None:
    refused = ask(client, version)
    assert (refused.status_code, refused.json()["asks"], server.asked) == (409, version.pk, [])
    assert agree(client, version) == 204
    response = ask(client, version)
    assert response["Content-Type"].startswith("text/event-stream")
    assert events_of(response) == [
        {"kept": True}, {"text": "Because "}, {"text": "of the "}, {"text": "air."}, {"end": "stop"},
    ]  # fmt: skip
    assert server.asked == [
        {"version": "policy-1", "messages": HELLO, "scope": f"person-{alice.user_id}", "temperature": 0.7}
    ]
    assert list(ServedTurn.objects.values_list("role", "content", "model_version__name")) == [
        ("user", "Why is the sky blue?", None), ("assistant", "Because of the air.", "policy-1"),
    ]  # fmt: skip
    consent = ServedConversation.objects.get().consent
    assert (consent.wording, consent.model_version, consent.user) == (WORDING, version, alice.user)


def render(client: Client, sent: object) -> Any:
    return client.post(reverse("playground_rendered"), json.dumps(sent), "application/json")


def test_finished_answers_are_rendered_as_harmless_markdown_and_refused_in_words(client: Client) -> None:
    made = render(client, {"texts": ["# So\n**by** air", "<script>alert(1)</script>", ""]}).json()["html"]
    assert made[0].startswith("<h3>So</h3>"), "under the page's h1 and each turn's h2"
    assert "<strong>by</strong>" in made[0]
    assert "<script" not in made[1]
    assert made[2] == ""
    for sent, says in (
        ({"texts": ["x" * 400_001]}, "too long"),
        ({"texts": [""] * 201}, "as many turns"),
        ({"texts": ["\ud800"]}, "can't take it"),
        ({"texts": "a"}, "can't take it"),
        (["a"], "can't take it"),
    ):
        refused = render(client, sent)
        assert (refused.status_code, says in refused.json()["problem"]) == (422, True)
    chinese = client.post(
        reverse("playground_rendered"), "{", "application/json", headers={"accept-language": "zh-hans"}
    )
    assert "模型" in chinese.json()["problem"]
    assert render(Client(), {"texts": []}).status_code == 302


def test_a_no_answers_all_the_same_and_keeps_nothing(
    client: Client, server: ScriptedServer, version: ModelVersion
) -> None:
    assert agree(client, version, word="no") == 204
    assert events_of(ask(client, version))[0] == {"kept": False}
    assert not ServedConversation.objects.exists()
    assert agree(client, version) == 204  # they change their mind: from now on
    assert events_of(ask(client, version))[0] == {"kept": True}


def test_a_switch_of_the_model_asks_anew(client: Client, server: ScriptedServer, version: ModelVersion) -> None:
    agree(client, version)
    newer = policy("policy-2")
    assert client.get(reverse("playground")).context["asked"] == {str(version.pk): True, str(newer.pk): None}
    assert ask(client, newer).status_code == 409
    agree(client, version, newer, word="no")
    assert ask(client, newer).status_code == 200
    assert Consent.objects.count() == 3


def test_what_is_stopped_or_breaks_off_is_kept_as_far_as_it_came(
    client: Client, server: ScriptedServer, version: ModelVersion
) -> None:
    agree(client, version)
    stopped = ask(client, version)
    pieces = iter(stopped.streaming_content)
    assert [next(pieces), next(pieces)]
    stopped._iterator.close()  # as the web server does once the reader has left
    assert server.streams[0].closed
    server.pieces = ["Half an", ServingUnavailable("gone", wait_seconds=1)]
    assert events_of(ask(client, version))[-1] == {
        "problem": "The answer broke off. What came so far is here; have it made again."
    }
    answers = ServedTurn.objects.filter(role="assistant").order_by("pk")
    assert list(answers.values_list("content", "finish_reason")) == [("Because", "stopped"), ("Half an", "stopped")]


@pytest.mark.parametrize(
    ("failure", "status", "says"),
    [
        (ServingUnavailable("down", wait_seconds=5), 503, "No model answers"),
        (ServingRefused("too many tokens", code="context_length_exceeded"), 422, "too long for the model"),
        (ServingRefused("no", param="temperature"), 422, "can't take it like this"),
    ],
)
def test_what_the_server_refuses_is_said_in_words_and_nothing_is_kept(
    client: Client, server: ScriptedServer, version: ModelVersion, failure: Exception, status: int, says: str
) -> None:
    agree(client, version)
    server.refuses = failure
    response = ask(client, version)
    assert (response.status_code, says in response.json()["problem"]) == (status, True)
    assert not ServedConversation.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": "Hi"}, {"messages": [3]}, {"messages": [{"role": "user", "content": 3}]}, {"messages": []},
        {"messages": [{"role": "robot", "content": "Hi"}]}, {"messages": [{"role": "user", "content": " "}]},
        {"messages": [*HELLO, {"role": "assistant", "content": "So."}]}, {"temperature": 9}, {"temperature": True},
        {"temperature": "1"}, {"version": "1"}, {"version": True}, {"other": 1}, {"messages": HELLO * 101},
        {"messages": [{"role": "user", "content": "x" * 20_001}]},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"messages": [{"role": "system", "content": "x" * 190_000}, {"role": "user", "content": "x" * 19_000}]},
    ],
)  # fmt: skip
def test_what_is_no_conversation_or_too_long_is_refused(
    client: Client, server: ScriptedServer, version: ModelVersion, changes: dict[str, Any]
) -> None:
    agree(client, version)
    response = ask(client, version, **changes)
    assert response.status_code == 422
    assert response.json()["problem"]
    assert server.asked == []


def test_odd_bodies_are_refused(client: Client, server: ScriptedServer, version: ModelVersion) -> None:
    address = reverse("playground_answer")
    for body in ("", "{", "[" * 50 + "]" * 50, "[" * 100_000, "x" * (5 * 1024 * 1024)):
        assert client.post(address, body, content_type="application/json").status_code == 422
    unknown = policy("gone", state="retired")
    assert ask(client, unknown).status_code == 409
    assert agree(client, unknown) == 409
    assert agree(client, version, word="maybe") == 409
    assert agree(client, version, wording="of last year") == 409
    assert not Consent.objects.exists()


def test_who_may_open_it(server: ScriptedServer, version: ModelVersion, alice: Labeler) -> None:
    visitor, staff, nobody = Client(), Client(), Client()
    staff.force_login(User.objects.create_user("stan", is_staff=True))
    nobody.force_login(User.objects.create_user("ned"))
    paused = browser_of(make_labeler("paula", state=LabelerState.SUSPENDED))
    for name in ("playground", "playground_kept"):
        address = reverse(name)
        assert visitor.get(address)["Location"] == f"/login/?next={address}"
        assert staff.get(address).status_code == 200
        assert "Almost there" in nobody.get(address).text
        assert "Your account is paused" in paused.get(address).text
    assert visitor.post(reverse("playground_answer"), "{}", content_type="application/json").status_code == 302
    assert agree(staff, version) == 204
    assert events_of(ask(staff, version))[0] == {"kept": True}
    assert ServedConversation.objects.get().submitter.startswith("U")


def test_without_a_model_the_page_says_so(client: Client, server: ScriptedServer) -> None:
    page = client.get(reverse("playground"))
    assert "No model can be asked at the moment" in page.text
    assert "data-composer" not in page.text


def test_everybody_sees_and_withdraws_their_own_alone(
    client: Client, alice: Labeler, bob: Labeler, server: ScriptedServer
) -> None:
    mine, his = kept(alice.user, "Mine <b>alone</b>."), kept(bob.user, "Of nobody's business.")
    page = client.get(reverse("playground_kept"))
    assert "Mine &lt;b&gt;alone&lt;/b&gt;." in page.text
    assert "nobody&#x27;s business" not in page.text
    address = reverse("playground_withdraw")
    nothing = client.post(address, {"conversation": his.pk}, follow=True)
    assert "There was nothing left to withdraw." in nothing.text
    done = client.post(address, {"conversation": mine.pk}, follow=True)
    assert "1 conversation is withdrawn." in done.text
    assert "Nothing is kept of you." in done.text
    assert "1 conversation was deleted." in done.text
    assert list(ServedConversation.objects.all()) == [his]
    assert client.post(address, {"conversation": "x"}).status_code == 404
    assert "What you withdrew" not in browser_of(bob).get(reverse("playground_kept")).text
    browser_of(bob).post(address, {"all": "1"})
    assert [withdrawal.user for withdrawal in Withdrawal.objects.order_by("pk")] == [alice.user, bob.user]


def test_the_pages_speak_chinese(client: Client, alice: Labeler, server: ScriptedServer, version: ModelVersion) -> None:
    kept(alice.user, "你好")
    chinese = {"accept-language": "zh-hans"}
    assert "可以保留" in client.get(reverse("playground"), headers=chinese).text
    assert "撤回" in client.get(reverse("playground_kept"), headers=chinese).text
