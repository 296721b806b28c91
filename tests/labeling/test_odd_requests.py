"""What no page of ours sends: refused in words, and never a server error."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.base.json_parser import DEEPEST, nests_at_most
from labeling.base.states import CampaignState, CompositionKind, LabelerState
from labeling.base.text import whole_number
from labeling.desk.rules.drafts import LONGEST_DRAFT
from labeling.models import Assignment, Composition, InstructionAcknowledgement, Labeler
from labeling.writing.services import start_composition
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db

NO_REQUEST = "504f8277-43ba-43a1-9725-e507d475e54a"


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000, '{"text": ' + "[" * 40 + "]" * 40 + "}"])
@pytest.mark.parametrize("door", ["/preview/", "draft"])
def test_json_that_nests_too_deep_is_refused(door: str, body: str, client: Client) -> None:
    if door == "draft":
        make_ready_task(make_prompt(make_campaign()))
        door = f"{client.post('/next/ranking/')['Location']}draft/"
    send = client.put if door != "/preview/" else client.post
    answer = send(door, body, content_type="application/json")
    assert answer.status_code == 400


def test_how_deep_something_nests() -> None:
    assert nests_at_most({"a": [{"b": 1}]}, 3)
    assert not nests_at_most({"a": [{"b": 1}]}, 2)
    assert nests_at_most("text", 0)
    deep: list[object] = []
    for _ in range(DEEPEST + 1):
        deep = [deep]
    assert not nests_at_most(deep, DEEPEST)


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("0", 0), ("9" * 5000, None), ("-1", None), ("1000001", None)])
def test_numbers_of_addresses_and_buttons(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@pytest.fixture
def dialogue(alice: Labeler) -> Composition:
    return start_composition(labeler=alice, campaign=make_campaign(ask_dialogues=True), kind=CompositionKind.DIALOGUE)


@pytest.mark.parametrize(
    "do",
    ["use-2-abc/1", f"use-2-{NO_REQUEST}/x", f"use-2-{NO_REQUEST}/{'9' * 5000}", "dismiss-2-abc/1",
     f"dismiss-2-{NO_REQUEST}/",
     f"remove-{'9' * 5000}", f"ask-{'9' * 30}", "ask-99999", "use", "-", "use-2-/"],
)  # fmt: skip
def test_buttons_of_a_dialogue_with_odd_names_change_nothing(do: str, dialogue: Composition, client: Client) -> None:
    sent = {"1-role": "user", "1-text": "Hi", "2-role": "assistant", "2-text": "", "do": do}
    assert client.post(f"/compose/{dialogue.token}/turns/", sent).status_code == 302
    dialogue.refresh_from_db()
    assert dialogue.draft["1-text"] == ["Hi"]


def test_a_suggestion_for_a_turn_that_cannot_be_is_not_found(dialogue: Composition, client: Client) -> None:
    for position in ("99999", "9" * 5000, "x", ""):
        asked = client.post(f"/compose/{dialogue.token}/suggestions/", {"position": position})
        assert asked.status_code == 404


@pytest.mark.parametrize(
    "address", ["/instructions/{}/", "/compose/start/{}/chat/", "/static/{}", "/{}", "/login/?next={}"]
)
def test_a_path_of_three_hundred_characters_is_not_found(address: str, client: Client) -> None:
    assert client.get(address.format("a" * 300)).status_code in {302, 404}


def test_a_models_path_that_no_disk_can_have_is_refused_in_words() -> None:
    sent = {"kind": "sft", "name": "x", "path": f"/models/{'a' * 300}"}
    answer = admin_browser().post("/admin/labeling/modelversion/register/", sent)
    assert answer.status_code in {200, 422}
    assert "does not exist" in answer.text


@pytest.mark.parametrize("state", [LabelerState.ACTIVE, LabelerState.SUSPENDED])
@pytest.mark.parametrize("button", ["submit", "skip"])
def test_what_is_longer_than_any_draft_is_not_kept_on_the_server_and_shown_again(
    button: str, state: LabelerState, alice: Labeler, client: Client
) -> None:
    make_ready_task(make_prompt(make_campaign()))
    address = client.post("/next/ranking/")["Location"]
    client.put(f"{address}draft/", {"draft": {"1-note": ["begun"]}, "base_version": 0}, "application/json")
    Labeler.objects.update(state=state)
    long = "note " * (LONGEST_DRAFT // 5 + 1)
    answer = client.post(f"{address}{button}/", {"1-note": long, "skip_note": long})
    assert answer.status_code < 500
    assert Assignment.objects.get().draft == {"1-note": ["begun"]}


def test_a_dialogue_that_is_too_long_to_be_saved_is_shown_so_that_it_can_be_copied(
    dialogue: Composition, client: Client
) -> None:
    long = "word " * (LONGEST_DRAFT // 5 + 1)
    sent = {"1-role": "user", "1-text": long, "do": "add"}
    answer = client.post(f"/compose/{dialogue.token}/turns/", sent)
    assert answer.status_code == 413
    assert long[:1000] in answer.text
    dialogue.refresh_from_db()
    assert dialogue.draft == {}


def test_only_a_campaigns_own_people_read_its_instructions() -> None:
    german = make_campaign(slug="german", languages=["de"])
    make_campaign(slug="draft", state=CampaignState.DRAFT)
    alice, dora = make_labeler("alice", languages=["en"]), make_labeler("dora", languages=["de", "en"])
    newcomer = make_labeler("nina", languages=["de"], state=LabelerState.INVITED)
    nobody = Client()
    nobody.force_login(User.objects.create_user("frank"))
    staff = admin_browser("labeling.view_labeler", name="erin")
    allowed = admin_browser("labeling.view_campaign", name="mia")
    browsers = [browser_of(alice), browser_of(newcomer), nobody, staff]
    assert [each.get("/instructions/german/").status_code for each in browsers] == [404] * 4
    assert browser_of(dora).get("/instructions/german/").status_code == 200
    assert allowed.get("/instructions/draft/").status_code == 200
    InstructionAcknowledgement.objects.all().delete()
    read = f"/instructions/read/{german.instruction_versions.latest('version').pk}/"
    assert browser_of(alice).post(read).status_code == 404
    assert browser_of(dora).post(read).status_code == 302
