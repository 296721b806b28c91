"""Programs over HTTP: prompts in, progress, snapshots and models out; who may, how often, and how refusals look."""

import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from labeling.api.models import IdempotentRequest
from labeling.base.states import ApiScope, ModelKind, PolicyStage
from labeling.exports.services.requests import answer_snapshot_request
from labeling.model_versions.services.promotion import promote
from labeling.models import Campaign, Evaluation, Prompt, RankingTask, Snapshot, SnapshotRequest
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.people.skills.services import add_skill
from labeling.people.tokens.services import revoke_tokens_of
from labeling.policies.services.requesting import request_policy_run
from tests.labeling.admin_cast import model_in, run_in_training
from tests.labeling.api.programs import make_account, program_of
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank, write
from tests.labeling.models_in_use import promoted
from tests.tiny_models import CONTEXT_LENGTH, make_tiny_model

pytestmark = pytest.mark.django_db

JSON = "application/json"


@pytest.fixture
def campaign() -> Campaign:
    return make_campaign(slug="poems", k_min=4, k_max=4)


def prompt(text: str = "Why is the sky blue?", **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "submitter": "carol"} | fields


def saying(**message: Any) -> dict[str, Any]:
    return prompt() | {"messages": [{"role": "user"} | message]}


def add(program: Client, *prompts: dict[str, Any], key: str = "", slug: str = "poems") -> Any:
    headers = {"idempotency-key": key} if key else {}
    return program.post(f"/api/v1/campaigns/{slug}/prompts/", {"prompts": prompts}, JSON, headers=headers)


def test_prompts_are_added_and_each_refusal_says_why(program: Client, campaign: Campaign) -> None:
    answers = [{"text": f"Answer {number}.", "model": "m1"} for number in range(4)]
    sent = [
        prompt("天空为什么是蓝色的？", completions=answers, content_warnings=["medical"]),
        prompt("Write a poem."),
        prompt("Write a poem.", submitter="dave"),
        prompt() | {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        prompt("Few.", completions=answers[:2]),
        prompt("A will.", required_skills=["law", "latin"]),
    ]
    add_skill(slug="law", name={"en": "Law"})
    said = add(program, *sent).json()
    first, second = Prompt.objects.order_by("pk")
    assert said["added"] == 2
    assert [each["id"] for each in said["results"]] == [first.pk, second.pk, None, None, None, None]
    assert said["results"][2]["twin"] == second.pk
    assert "must end with a user message" in said["results"][3]["refused"]
    assert "2" in said["results"][4]["refused"]
    assert "There is no such skill: latin." in said["results"][5]["refused"]
    assert add(program, prompt("A will.", required_skills=["law"])).json()["added"] == 1
    assert Prompt.objects.latest("pk").required_skills == ["law"]
    assert (first.language, first.source, first.content_warnings) == ("zh", "api", ["medical"])
    assert RankingTask.objects.get().state == "ready"

    listed = program.get("/api/v1/campaigns/poems/prompts/").json()["results"]
    assert [each["id"] for each in listed] == [Prompt.objects.latest("pk").pk, second.pk, first.pk]
    one = program.get(f"/api/v1/prompts/{first.pk}/").json()
    assert one["messages"] == sent[0]["messages"]
    assert one["submitter"] == "carol"


@pytest.mark.parametrize(
    ("sent", "pointer", "says"),
    [
        (prompt(mesages=[]), "/prompts/0/mesages", "is unknown"),
        (saying(content="x", tool_calls=[]), "/prompts/0/messages/0/tool_calls", "is unknown"),
        (saying(role="poet", content="x"), "/prompts/0/messages/0/role", "not a valid choice"),
        (saying(content=7), "/prompts/0/messages/0/content", "valid string"),
        (saying(content="\ud800"), "/prompts/0/messages/0/content", "surrogate"),
        ({"messages": [{"role": "user", "content": "x"}]}, "/prompts/0/submitter", "required"),
        (prompt(language="x" * 17), "/prompts/0/language", "16"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_nothing_is_added(
    program: Client, campaign: Campaign, sent: dict[str, Any], pointer: str, says: str
) -> None:
    refused = add(program, prompt("A good one."), sent) if pointer.startswith("/prompts/1") else add(program, sent)
    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"
    problem = refused.json()
    assert (problem["title"], problem["status"]) == ("Bad Request", 400)
    assert any(each["pointer"] == pointer and says in each["detail"].lower() for each in problem["errors"]), problem
    assert not Prompt.objects.exists()


def test_a_request_that_is_sent_again_under_its_key_is_answered_the_same_and_done_once(
    program: Client, campaign: Campaign
) -> None:
    first = add(program, prompt(), key="a-b-c")
    again = add(program, prompt(), key="a-b-c")
    assert again.json() == first.json()
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert Prompt.objects.count() == 1
    other = add(program, prompt("Another."), key="a-b-c")
    assert other.status_code == 422
    assert "another request before" in other.json()["detail"]
    IdempotentRequest.objects.update(status=None, answer=None)
    assert add(program, prompt(), key="a-b-c").status_code == 409
    somebody_else = program_of(make_account("paul"))
    assert add(somebody_else, prompt("A third."), key="a-b-c").status_code == 200
    assert add(program, {"bad": 1}, key="mended").status_code == 400
    assert add(program, prompt("Mended."), key="mended").json()["added"] == 1


def test_progress_counts_people(program: Client, campaign: Campaign) -> None:
    alice = make_labeler("alice")
    for _ in range(3):
        make_ready_task(make_prompt(campaign))
    rank(alice, [1, 2, 3, 4])
    write(alice, "An answer.")
    said = program.get("/api/v1/campaigns/poems/").json()
    assert said["progress"] == {
        "prompts": 3, "prompts_set_aside": 0, "demonstrations": 1, "demonstrations_wanted": 2, "tasks_sampling": 0,
        "tasks_ready": 2, "tasks_done": 1, "tasks_set_aside": 0, "rankings": 1, "rankings_wanted": 2,
    }  # fmt: skip
    assert [each["slug"] for each in program.get("/api/v1/campaigns/").json()["results"]] == ["poems"]


def test_prompts_are_checked_against_the_current_model(program: Client, tmp_path: Path) -> None:
    model = Path(promoted(make_tiny_model(tmp_path / "tiny")).path)
    users = "{% for each in messages if each.role != 'system' %}{{ each.content }}{% endfor %}"
    (model / "chat_template.jinja").write_text(users)
    make_campaign(slug="short", max_new_tokens=100)
    system = {"role": "system", "content": "Be brief."}
    prompts = [
        {"messages": [{"role": "user", "content": "a " * CONTEXT_LENGTH + "why?"}], "submitter": "s"},
        {"messages": [system, {"role": "user", "content": "Why is the sky blue?"}], "submitter": "s"},
        {"messages": [{"role": "user", "content": "Why is grass green?"}], "submitter": "s"},
    ]
    said = program.post("/api/v1/campaigns/short/prompts/", {"prompts": prompts}, JSON).json()
    long, unread, good = said["results"]
    assert "The prompt has " in long["refused"]
    assert f"at most {CONTEXT_LENGTH - 100} fit" in long["refused"]
    (warning,) = unread["warnings"]
    assert "won't read message 1, of the system" in warning
    assert (good["warnings"], said["added"], Prompt.objects.count()) == ([], 2, 2)


def make_what_is_asked_for() -> None:
    """What workers do."""
    for pk in SnapshotRequest.objects.values_list("pk", flat=True):
        answer_snapshot_request(request_id=pk)


def test_a_snapshot_is_made_listed_and_downloaded(
    program: Client, campaign: Campaign, tmp_path: Path, settings: Settings
) -> None:
    settings.SNAPSHOTS_DIR = tmp_path
    make_ready_task(make_prompt(campaign))
    assert program.post("/api/v1/snapshots/", {"kinds": ["rankings"], "campaign": "p"}, JSON).status_code == 422
    nothing = program.post("/api/v1/snapshots/", {"kinds": ["rankings"]}, JSON)
    make_what_is_asked_for()
    failed = program.get(nothing.json()["address"])
    assert (failed.status_code, failed.json()["state"], failed.json()["snapshot"]) == (200, "failed", None)
    assert "No record matches" in failed.json()["failure"]
    rank(make_labeler("alice"), [1, 2, 3, 4])
    sent = {"kinds": ["rankings", "pairs"], "campaign": "poems"}
    asked = program.post("/api/v1/snapshots/", sent, JSON, headers={"idempotency-key": "k"})
    assert (asked.status_code, asked.json()["state"], asked.json()["snapshot"]) == (202, "waiting", None)
    assert not Snapshot.objects.exists()  # the web request made none
    again = program.post("/api/v1/snapshots/", sent, JSON, headers={"idempotency-key": "k"})
    assert (again.json(), again["Location"]) == (asked.json(), asked["Location"])
    assert SnapshotRequest.objects.filter(state="waiting").count() == 1
    waits = program.get(asked["Location"])
    assert (waits.status_code, waits["Retry-After"], waits.json()) == (202, "2", asked.json())
    make_what_is_asked_for()
    assert program_of(make_account("other")).get(asked["Location"]).status_code == 404
    made = program.get(asked["Location"])
    assert (made.status_code, made.json()["state"]) == (200, "done")
    snapshot = made.json()["snapshot"]
    assert snapshot["filters"]["campaign"] == "poems"
    assert program.get("/api/v1/snapshots/").json()["results"] == [snapshot]
    archive = b"".join(program.get(f"/api/v1/snapshots/{snapshot['id']}/download/"))
    with tarfile.open(fileobj=BytesIO(archive)) as opened:
        assert any(name.endswith("manifest.json") for name in opened.getnames())
    next(tmp_path.glob("export-*/**/*.jsonl")).write_text("{}")
    broken = program.get(f"/api/v1/snapshots/{snapshot['id']}/download/")
    assert broken.status_code == 422


def test_models_and_runs_are_told_with_their_metrics(
    program: Client, campaign: Campaign, tmp_path: Path, settings: Settings
) -> None:
    settings.SNAPSHOTS_DIR = tmp_path
    make_ready_task(make_prompt(campaign))
    rank(make_labeler("alice"), [1, 2, 3, 4])
    program.post("/api/v1/snapshots/", {"kinds": ["rankings"]}, JSON)
    make_what_is_asked_for()
    version = model_in(tmp_path / "tiny")
    run = run_in_training(Snapshot.objects.get())
    assert program.get("/api/v1/model-versions/?kind=sft").json()["results"] == []
    (listed,) = program.get("/api/v1/model-versions/?kind=reward&state=candidate").json()["results"]
    assert listed == program.get(f"/api/v1/model-versions/{version.pk}/").json()
    assert (listed["name"], listed["metrics"]) == ("tiny", {})
    told = program.get(f"/api/v1/training-runs/{run.pk}/").json()
    assert (told["state"], told["config"]) == ("training", {"epochs": 1})
    assert program.get("/api/v1/training-runs/").json()["results"][0]["id"] == run.pk


def test_policy_runs_and_evaluations_are_told_with_all_that_they_come_from(
    program: Client, campaign: Campaign, tmp_path: Path
) -> None:
    sft = promote(version=model_in(tmp_path / "tiny", kind=ModelKind.SFT), reason="The first one.")
    run = request_policy_run(stage=PolicyStage.DPO, note="Try it.")
    (told,) = program.get("/api/v1/policy-runs/").json()["results"]
    assert told == program.get(f"/api/v1/policy-runs/{run.pk}/").json()
    assert (told["stage"], told["state"], told["start"], told["rewarded_by"]) == ("dpo", "queued", sft.pk, None)
    candidate = model_in(tmp_path / "better", kind=ModelKind.SFT)
    evaluation = Evaluation.objects.create(name="Better?", source=campaign, candidate=candidate, baseline=sft, size=10)
    (listed,) = program.get("/api/v1/evaluations/").json()["results"]
    one = program.get(f"/api/v1/evaluations/{evaluation.pk}/").json()
    assert one == listed | {"pairs": []}
    assert (one["campaign"], one["candidate"], one["baseline"], one["decision"]) == (
        "poems",
        candidate.pk,
        sft.pk,
        None,
    )


def test_a_campaign_manager_is_told_of_evaluations_of_their_campaigns_alone(
    program: Client, campaign: Campaign, tmp_path: Path
) -> None:
    candidate = model_in(tmp_path / "tiny", kind=ModelKind.SFT)
    both = [campaign, make_campaign(slug="laws")]
    own, other = (
        Evaluation.objects.create(name=one.slug, source=one, candidate=candidate, demonstrations=True, size=10)
        for one in both
    )
    manager = make_account("mona", permissions=())
    set_roles(user=manager, roles=frozenset({Role.CAMPAIGN_MANAGER}))
    campaign.managers.add(manager)
    hers = program_of(User.objects.get(pk=manager.pk))
    assert [each["id"] for each in hers.get("/api/v1/evaluations/").json()["results"]] == [own.pk]
    assert hers.get(f"/api/v1/evaluations/{other.pk}/").status_code == 404


def test_pages_go_on_from_a_key_and_skip_nothing_that_is_added_meanwhile(program: Client, campaign: Campaign) -> None:
    ids = [make_prompt(campaign).pk for _ in range(5)]
    page = program.get("/api/v1/campaigns/poems/prompts/?limit=2").json()
    assert page["previous"] is None
    make_prompt(campaign)
    seen = [each["id"] for each in page["results"]]
    while page["next"]:
        page = program.get(page["next"].removeprefix("http://testserver")).json()
        seen += [each["id"] for each in page["results"]]
    assert seen == ids[::-1]
    assert program.get("/api/v1/campaigns/poems/prompts/?cursor=nonsense").status_code == 404
    for query in ("limit=many", "limit=0", "limit=1&limit=2", "page=2"):
        refused = program.get(f"/api/v1/campaigns/poems/prompts/?{query}")
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, f"/{query.partition('=')[0]}")


@pytest.mark.parametrize(
    ("method", "address", "scope"),
    [
        ("get", "/api/v1/campaigns/", ApiScope.CAMPAIGNS_READ),
        ("get", "/api/v1/campaigns/poems/prompts/", ApiScope.PROMPTS_READ),
        ("post", "/api/v1/campaigns/poems/prompts/", ApiScope.PROMPTS_WRITE),
        ("get", "/api/v1/snapshots/", ApiScope.SNAPSHOTS_READ),
        ("post", "/api/v1/snapshots/", ApiScope.SNAPSHOTS_WRITE),
        ("get", "/api/v1/model-versions/", ApiScope.MODELS_READ),
        ("get", "/api/v1/training-runs/", ApiScope.MODELS_READ),
        ("get", "/api/v1/policy-runs/", ApiScope.MODELS_READ),
        ("get", "/api/v1/evaluations/", ApiScope.MODELS_READ),
        ("post", "/api/v1/scores/", ApiScope.SCORES),
        ("post", "/api/v1/webhooks/", ApiScope.WEBHOOKS),
    ],
)
def test_a_token_opens_what_its_scope_and_its_account_both_open(
    method: str, address: str, scope: ApiScope, campaign: Campaign
) -> None:
    petra, poor = make_account(), make_account("poor", permissions=())
    others = [each for each in ApiScope if each != scope]

    def status(client: Client) -> int:
        return int(getattr(client, method)(address, content_type=JSON).status_code)

    assert status(program_of(petra, [scope])) in {200, 400}
    assert status(program_of(petra, others)) == 403
    assert status(program_of(poor, [scope])) == 403
    assert status(browser_of(make_labeler("alice"))) == 403
    assert status(Client()) == 401
    revoked = program_of(petra, [scope])
    revoke_tokens_of(petra)
    assert status(revoked) == 401


def test_an_account_is_told_to_wait_when_it_asks_too_often(
    program: Client, campaign: Campaign, settings: Settings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    assert [program.get("/api/v1/campaigns/").status_code for _ in range(3)] == [200, 200, 429]
    slowed = program.get("/api/v1/campaigns/")
    assert 1 <= int(slowed["Retry-After"]) <= 60
    assert slowed["Content-Type"] == "application/problem+json"


def test_without_redis_nobody_is_held_back(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr("redis.Redis.eval", down)
    assert program.get("/api/v1/campaigns/").status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [("/api/v1/nowhere/", 404), ("/api/scores/", 404), ("/api/v1/campaigns/nowhere/", 404), ("/api/v1/prompts/9/", 404),
     (f"/api/v1/prompts/{'9' * 30}/", 404), ("/api/v1/scores/a%0Ab/", 404), ("/api/v1/scores/", 405)],
)  # fmt: skip
def test_what_is_not_there_is_a_problem_too(program: Client, address: str, status: int) -> None:
    answer = program.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def test_a_failure_of_ours_is_a_problem_and_is_logged(
    program: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("labeling.api.views.records.CampaignsView.paginate_queryset", fail)
    answer = program.get("/api/v1/campaigns/")
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    assert "out of order" in caplog.text


def test_the_page_that_describes_the_api_loads_nothing_from_elsewhere() -> None:
    visitor = Client()
    page = visitor.get("/api/v1/")
    assert page["Content-Security-Policy"].startswith("default-src 'self'")
    assert "swagger-ui" in page.text
    assert "https://" not in page.text
    assert "<style" not in page.text
    described = visitor.get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.")
    assert "prompts:write" in described["paths"]["/api/v1/campaigns/{slug}/prompts/"]["post"]["description"]


def test_accounts_of_labelers_get_nothing_even_with_a_token() -> None:
    assert User.objects.count() == 0
    alice = make_labeler("alice")
    assert program_of(alice.user).get("/api/v1/campaigns/").status_code == 403
