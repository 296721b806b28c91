"""Programs ask for rewards over HTTP."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from labeling.base.states import ApiScope
from labeling.models import ModelVersion, ScoringRequest
from labeling.people.tokens.services import make_token
from labeling.rewards.services.scoring_requests import MOST_COMPLETIONS, answer_scoring_request
from tests.labeling.cast import browser_of, make_labeler
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model

pytestmark = pytest.mark.django_db

ITEM = {"prompt": [{"role": "user", "content": "Hi"}], "completions": ["Hello!", "Go away."]}
ADDRESS = "/api/v1/scores/"


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Requests that a worker was asked for. Nobody answers them, and nobody waits for that."""
    monkeypatch.setattr("labeling.api.views.scores.WAIT_SECONDS", 0)
    asked: list[int] = []

    def keep(_name: str, request_id: int, **_: object) -> bool:
        asked.append(request_id)
        return True

    monkeypatch.setattr("labeling.base.outbox._send", keep)
    return asked


@pytest.fixture
def model() -> ModelVersion:
    return current_reward_model()


@pytest.fixture
def petra() -> User:
    """Who writes programs, and may ask for rewards."""
    user = User.objects.create_user("petra", password="x")
    user.user_permissions.add(Permission.objects.get(codename="add_scoringrequest"))
    return user


@pytest.fixture
def program(petra: User) -> Client:
    """It carries Petra's token."""
    return Client(headers={"authorization": f"Bearer {token_of(petra)}"})


def token_of(user: User) -> str:
    return make_token(user=user, name="test", scopes=[ApiScope.SCORES])[1]


def post(client: Client) -> Any:
    return client.post(ADDRESS, {"items": [ITEM]}, content_type="application/json")


def said(response: Any) -> dict[str, Any]:
    content: dict[str, Any] = response.json()
    return content


def test_a_request_is_kept_sent_and_answered_at_its_address(
    program: Client, model: ModelVersion, sent: list[int]
) -> None:
    accepted = post(program)
    assert accepted.status_code == 202
    address = said(accepted)["address"]
    assert accepted["Location"] == address
    asked = ScoringRequest.objects.get()
    assert sent == [asked.pk]
    assert program.get(address).status_code == 202

    rewarder = ScriptedRewarder({"Hello!": 1.5, "Go away.": -2.0})
    answer_scoring_request(request_id=asked.pk, model=model, rewarder=rewarder)
    answered = program.get(address)
    assert answered.status_code == 200
    assert said(answered) == {
        "id": str(asked.token),
        "state": "ready",
        "address": address,
        "model": {"id": model.pk, "name": model.name},
        "scores": [{"rewards": [1.5, -2.0], "problems": ["", ""]}],
    }


def test_a_warm_worker_answers_the_first_request_itself(
    program: Client, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_once(_name: str, request_id: int, **_: object) -> bool:
        answer_scoring_request(request_id=request_id, model=model, rewarder=ScriptedRewarder({"Hello!": 0.25}))
        return True

    monkeypatch.setattr("labeling.api.views.scores.WAIT_SECONDS", 2)
    monkeypatch.setattr("labeling.base.outbox._send", at_once)
    answered = post(program)
    assert answered.status_code == 200
    assert said(answered)["scores"][0]["rewards"] == [0.25, 8.0]


def test_with_redis_down_the_row_waits(program: Client, model: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.base.outbox._send", lambda *_, **__: False)
    assert post(program).status_code == 202
    assert ScoringRequest.objects.get().dispatched_at is None


def test_a_failure_is_said(program: Client, model: ModelVersion) -> None:
    address = said(post(program))["address"]
    rewarder = ScriptedRewarder(meanwhile=lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        answer_scoring_request(request_id=ScoringRequest.objects.get().pk, model=model, rewarder=rewarder)
    failed = program.get(address)
    assert (failed.status_code, said(failed)["state"]) == (200, "failed")
    assert "division by zero" in said(failed)["failure"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "items"),
        ({"items": []}, "may not be empty"),
        ({"items": "Hi"}, "Expected a list"),
        ({"items": [{"prompt": [], "completions": ["x"]}]}, "may not be empty"),
        ({"items": [{"prompt": ITEM["prompt"]}]}, "completions"),
        ({"items": [{"prompt": ITEM["prompt"], "completions": [7.5, {}]}]}, "Not a valid string"),
        ({"items": [{"prompt": [{"role": "user"}], "completions": ["x"]}]}, "content"),
        ({"items": [{"prompt": [{"role": "poet", "content": "x"}], "completions": ["x"]}]}, "is not a valid choice"),
        ({"items": [ITEM] * (MOST_COMPLETIONS + 1)}, "no more than 64"),
        ({"items": [{"prompt": ITEM["prompt"], "completions": ["\ud800"]}]}, "surrogate"),
        ({"items": [ITEM | {"prompt": [{"role": "user", "content": "x", "tool_calls": []}]}]}, "tool_calls"),
        ({"items": [ITEM | {"system": "Be brief."}]}, "system"),
        ({"items": [ITEM], "modell": "reward-1"}, "this field is unknown"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(
    program: Client, model: ModelVersion, body: dict[str, Any], says: str
) -> None:
    response = program.post(ADDRESS, body, content_type="application/json")
    assert response.status_code == 400
    assert says.lower() in response.text.lower()
    assert not ScoringRequest.objects.exists()


def test_too_much_at_once_is_refused(program: Client, model: ModelVersion) -> None:
    response = program.post(ADDRESS, {"items": [ITEM] * MOST_COMPLETIONS}, content_type="application/json")
    assert response.status_code == 422
    assert "There are 128 completions; a request takes 1 to 64" in said(response)["detail"]


def test_a_body_that_is_nested_too_deeply_is_refused(program: Client) -> None:
    deep = '{"items": ' + "[" * 100_000 + "]" * 100_000 + "}"
    refused = program.post(ADDRESS, deep, content_type="application/json")
    assert (refused.status_code, "nested too deeply" in refused.text) == (400, True)


def test_a_model_that_is_not_there_is_refused_by_name(program: Client, model: ModelVersion) -> None:
    response = program.post(ADDRESS, {"items": [ITEM], "model": "reward-1"}, content_type="application/json")
    assert response.status_code == 422
    assert "no version of one, named “reward-1”" in said(response)["detail"]


def test_a_body_that_is_no_json_is_refused(program: Client) -> None:
    assert program.post(ADDRESS, "{", content_type="application/json").status_code == 400
    assert program.post(ADDRESS, {"items": "x"}).status_code == 415


def test_without_a_current_model_it_says_so(program: Client) -> None:
    response = post(program)
    assert response.status_code == 503
    assert "No reward model is current" in said(response)["detail"]


def test_too_many_requests_are_told_how_long_to_wait(program: Client, model: ModelVersion, settings: Settings) -> None:
    settings.SCORE_REQUESTS_PER_MINUTE = 1
    assert post(program).status_code == 202
    slowed = post(program)
    assert slowed.status_code == 429
    assert 1 <= int(slowed["Retry-After"]) <= 60
    assert "1 requests a minute are allowed" in said(slowed)["detail"]


def test_only_who_may_ask_for_rewards_gets_any(model: ModelVersion, petra: User) -> None:
    assert post(Client()).status_code == 401
    assert post(Client(headers={"authorization": "Token 123"})).status_code == 401
    labeler = browser_of(make_labeler("alice"))
    refused = post(labeler)
    assert refused.status_code == 403
    assert "the scope scores" in said(refused)["detail"]
    secret = token_of(petra)
    petra.is_active = False
    petra.save()
    assert post(Client(headers={"authorization": f"Bearer {secret}"})).status_code == 401


def test_answers_are_for_who_asked(program: Client, model: ModelVersion) -> None:
    address = said(post(program))["address"]
    paul = User.objects.create_user("paul", is_superuser=True)
    others = Client()
    others.force_login(paul)
    assert others.get(address).status_code == 404
    assert program.get("/api/v1/scores/00000000-0000-0000-0000-000000000000/").status_code == 404


def test_a_browser_needs_the_pages_own_token(model: ModelVersion, petra: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(petra)
    assert post(browser).status_code == 403
