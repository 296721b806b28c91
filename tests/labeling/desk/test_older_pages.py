"""A page that is out of date is never handed in over newer saved work: both are shown, whatever kind of work it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from labeling.base.states import CompositionKind
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.models import (
    Assignment,
    Composition,
    Demonstration,
    EarlierDraft,
    Labeler,
    Message,
    ModelVersion,
    OwnPrompt,
    Ranking,
    SuggestionRequest,
)
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.handed_in import reopened, write
from tests.labeling.markup import compact
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db

HERE, THERE = "a" * 32, "b" * 32  # the names of two pages


@dataclass(frozen=True, kw_only=True)
class Case:
    """A piece of work: the address of its page, the button that hands it in, and what the page sends."""

    page: str
    sends: dict[str, Any]
    field: str
    handed_in: Callable[[], bool]
    button: str = "submit/"


def a_ranking(client: Client, alice: Labeler) -> Case:
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=alice)
    assert held is not None
    sends = ranking_form_data([1, 2, 3, 4], note="Here.")
    return Case(page=f"/work/{held.token}/", sends=sends, field="note", handed_in=Ranking.objects.exists)


def a_demonstration(client: Client, alice: Labeler) -> Case:
    make_prompt(make_campaign())
    held = claim_demonstration(labeler=alice)
    assert held is not None
    exists = Demonstration.objects.exists
    return Case(page=f"/work/{held.token}/", sends={"text": "Here."}, field="text", handed_in=exists)


def a_revision(client: Client, alice: Labeler) -> Case:
    make_prompt(make_campaign())
    token = reopened(alice, write(alice, "First."))
    exists = Demonstration.objects.filter(revision=2).exists
    return Case(page=f"/revise/{token}/", sends={"text": "Here."}, field="text", handed_in=exists)


def a_dialogue(client: Client, alice: Labeler) -> Case:
    begun = begin(alice, CompositionKind.DIALOGUE)
    sends = {"language": "en", "1-role": "user", "1-text": "Who?", "2-role": "assistant", "2-text": "Here."}
    return Case(page=page_of(begun), sends=sends, field="2-text", handed_in=Message.objects.exists)


def a_turn_of_a_chat(client: Client, alice: Labeler) -> Case:
    begun = begin(alice, CompositionKind.CHAT)
    sends = {"language": "en", "text": "Here."}
    exists = Message.objects.filter(content="Here.").exists
    return Case(page=page_of(begun), sends=sends, field="text", handed_in=exists, button="say/")


def the_end_of_a_chat(client: Client, alice: Labeler) -> Case:
    begun = begin(alice, CompositionKind.CHAT)
    client.post(f"{page_of(begun)}say/", {"language": "en", "text": "Who are you?"})
    model = ModelVersion.objects.get()
    answer_request(request_id=SuggestionRequest.objects.get().pk, model=model, sampler=ScriptedSampler("A model."))
    Composition.objects.update(draft={}, draft_version=0, draft_page="")
    exists = Composition.objects.filter(state="submitted").exists
    return Case(page=page_of(begun), sends={"language": "en", "text": ""}, field="text", handed_in=exists)


def an_own_prompt(client: Client, alice: Labeler) -> Case:
    begun = begin(alice, CompositionKind.OWN_PROMPT)
    sends = {"kind": "plain", "use_case": "open_qa", "language": "en", "prompt-text": "Here?"}
    return Case(page=page_of(begun), sends=sends, field="prompt-text", handed_in=OwnPrompt.objects.exists)


def an_improvement(client: Client, alice: Labeler) -> Case:
    make_ready_task(make_prompt(make_campaign(ask_edit=True)))
    ranking = client.post("/next/ranking/")["Location"]
    page = client.post(f"{ranking}submit/", ranking_form_data([1, 2, 3, 4]))["Location"]
    exists = Demonstration.objects.exists
    return Case(page=page, sends={"best": "1", "text": "Here."}, field="text", handed_in=exists)


def begin(alice: Labeler, kind: CompositionKind) -> Composition:
    ModelVersion.objects.create(kind="sft", name="talker", path="/talker", state="current")
    campaign = make_campaign(ask_dialogues=True, ask_chats=True, ask_own_prompts=True, k_min=4, k_max=4)
    return start_composition(labeler=alice, campaign=campaign, kind=kind)


def page_of(begun: Composition) -> str:
    return f"/compose/{begun.token}/"


EVERY_KIND = [
    a_ranking, a_demonstration, a_revision, a_dialogue, a_turn_of_a_chat, the_end_of_a_chat, an_own_prompt,
    an_improvement,
]  # fmt: skip


@pytest.fixture(params=EVERY_KIND, ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, client: Client, alice: Labeler) -> Case:
    made: Case = request.param(client, alice)
    return made


def save(client: Client, case: Case, text: str, *, base_version: int = 0, page: str = THERE) -> None:
    draft = {name: [value] for name, value in case.sends.items()} | {case.field: [text]}
    body = {"draft": draft, "base_version": base_version, "page": page}
    assert client.put(f"{case.page}draft/", body, "application/json").status_code == 200


def hand_in(client: Client, case: Case, *, version: int, button: str = "", **changes: Any) -> Any:
    sends = case.sends | {"draft_version": str(version), "draft_page": HERE} | changes
    return client.post(f"{case.page}{button or case.button}", sends)


def drafts_kept() -> list[str]:
    return [text for kept in EarlierDraft.objects.all() for texts in kept.draft.values() for text in texts]


def test_both_are_shown_and_neither_is_lost(client: Client, case: Case) -> None:
    save(client, case, "Written there, later.")
    asked = hand_in(client, case, version=0)
    assert asked.status_code == 409
    html = compact(asked.content.decode())
    assert "also changed in another tab or on another device" in html
    assert "Written there, later." in html
    assert 'name="draft_version" value="0"' in html
    assert not case.handed_in()
    assert case.sends[case.field] in drafts_kept() or not case.sends[case.field]
    there = client.get(case.page).content.decode()
    assert "Written there, later." in there
    assert 'name="draft_version" value="1"' in there


def test_the_one_that_was_chosen_is_handed_in_and_the_other_is_kept(client: Client, case: Case) -> None:
    save(client, case, "Written there, later.")
    assert hand_in(client, case, version=0).status_code == 409
    assert hand_in(client, case, version=0, settles="1").status_code == 302
    assert case.handed_in()
    assert "Written there, later." in drafts_kept()


def test_what_a_page_saved_itself_is_no_news_to_it(client: Client, case: Case) -> None:
    """Its save may be on its way when it is handed in: the page has not heard of the new version."""
    save(client, case, "Half", page=HERE)
    assert hand_in(client, case, version=0).status_code == 302
    assert case.handed_in()


def test_the_same_work_twice_is_no_conflict(client: Client, case: Case) -> None:
    save(client, case, case.sends[case.field])
    assert hand_in(client, case, version=0, active_seconds="7").status_code == 302
    assert case.handed_in()


def test_an_older_page_that_lacks_something_is_asked_before_it_is_told_what(client: Client, alice: Labeler) -> None:
    case = a_ranking(client, alice)
    save(client, case, "Written there, later.")
    sends = {"draft_version": "0", "draft_page": HERE, "note": "Nothing else."}
    assert client.post(f"{case.page}submit/", sends).status_code == 409
    assert Assignment.objects.get().draft["note"] == ["Written there, later."]


def test_a_newer_text_is_not_skipped_unseen(client: Client, alice: Labeler) -> None:
    case = a_demonstration(client, alice)
    save(client, case, "Written there, later.")
    assert hand_in(client, case, version=0, button="skip/", skip_reason="unclear").status_code == 409
    assert Assignment.objects.get().state == "open"
    assert hand_in(client, case, version=1, button="skip/", skip_reason="unclear").status_code == 302
    assert Assignment.objects.get().state == "skipped"


@pytest.mark.parametrize("make", [a_dialogue, an_own_prompt, a_revision, an_improvement])
def test_a_newer_text_is_not_discarded_unseen(make: Callable[..., Case], client: Client, alice: Labeler) -> None:
    case = make(client, alice)
    save(client, case, "Written there, later.")
    assert hand_in(client, case, version=0, button="discard/").status_code == 409
    assert "Written there, later." in client.get(case.page).content.decode()
    assert hand_in(client, case, version=0, button="discard/", settles="1").status_code == 302
    assert "Written there, later." in drafts_kept()


@pytest.mark.parametrize(("make", "button"), [(a_dialogue, "turns/"), (an_own_prompt, "pairs/")])
def test_buttons_of_pages_without_scripts_ask_as_well(
    make: Callable[..., Case], button: str, client: Client, alice: Labeler
) -> None:
    case = make(client, alice)
    save(client, case, "Written there, later.")
    assert hand_in(client, case, version=0, button=button, do="add", draft_page="").status_code == 409
    assert Composition.objects.get().draft[case.field] == ["Written there, later."]
    assert hand_in(client, case, version=1, button=button, do="add", draft_page="").status_code == 302
    assert Composition.objects.get().draft[case.field] == [case.sends[case.field]]
