"""Dialogues, chats and own prompts under review: queued, accepted, fixed, returned, revised by their labelers."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from labeling.base.refusals import ReviewRefused
from labeling.base.states import CompositionKind, ReviewReason, ReviewState
from labeling.exports.services.exclusions import leave_out
from labeling.exports.services.selected import demonstrations_of
from labeling.exports.services.selection import select
from labeling.models import Campaign, Composition, Demonstration, Labeler, ModelVersion, Review, Thread
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.review.services.planning import plan_reviews
from labeling.review.services.reviews import request_review_of_own, return_to_labeler
from labeling.writing.answers.queries import answers_of, own_submission
from labeling.writing.chats.services import end_chat, say
from labeling.writing.dialogues.rules import Turn
from labeling.writing.dialogues.services import submit_dialogue
from labeling.writing.own_prompts.rules import OwnWriting, Pair
from labeling.writing.own_prompts.services import submit_own_prompt
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign
from tests.labeling.review.test_views import reviewer
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db

NOTHING: dict[str, Any] = {"review_percent": 0, "review_first": 0, "review_below_percent": 0}


def open_campaign(**fields: Any) -> Campaign:
    asked = {"ask_dialogues": True, "ask_chats": True, "ask_own_prompts": True}
    return make_campaign(**{**NOTHING, **asked, **fields})


def dialogue(labeler: Labeler, campaign: Campaign | None = None, *, answer: str = "In the air.") -> Composition:
    begun = start_composition(labeler=labeler, campaign=campaign or open_campaign(), kind=CompositionKind.DIALOGUE)
    turns = [Turn(role="user", text="Where do swifts sleep?"), Turn(role="assistant", text=answer)]
    submit_dialogue(labeler=labeler, token=str(begun.token), language="en", turns=turns, active_seconds=9)
    return Composition.objects.get(pk=begun.pk)


def few_shot(labeler: Labeler, campaign: Campaign | None = None) -> Composition:
    begun = start_composition(labeler=labeler, campaign=campaign or open_campaign(), kind=CompositionKind.OWN_PROMPT)
    pairs = [Pair(query="I won!", response="Joy"), Pair(query="It broke.", response="Angre")]
    writing = OwnWriting(
        kind="few_shot", instruction="Name the mood.", pairs=pairs, use_case="classification", language="en"
    )
    submit_own_prompt(labeler=labeler, token=str(begun.token), writing=writing, active_seconds=9)
    return Composition.objects.get(pk=begun.pk)


def chat(labeler: Labeler, campaign: Campaign | None = None) -> Composition:
    model = ModelVersion.objects.create(kind="sft", name="talker", path="/talker", state="current")
    begun = start_composition(labeler=labeler, campaign=campaign or open_campaign(), kind=CompositionKind.CHAT)
    say(labeler=labeler, token=str(begun.token), text="Do fish sleep?", language="en")
    asked = begun.suggestion_requests.get()
    answer_request(request_id=asked.pk, model=model, sampler=ScriptedSampler("They rest."))
    end_chat(labeler=labeler, token=str(begun.token), active_seconds=9)
    return Composition.objects.get(pk=begun.pk)


def asked(composition: Composition) -> str:
    review = request_review_of_own(composition=composition, reason=ReviewReason.ASKED_FOR)
    assert review is not None
    return str(review.token)


def exported() -> set[str]:
    return set(
        demonstrations_of(
            select(
                as_of=None,
                kinds=("demonstrations",),
                campaign=None,
                split=None,
                include_simulated=False,
                held_out=False,
            )
        ).values_list("text", flat=True)
    )


def test_each_kind_comes_into_the_queue_as_rankings_do(alice: Labeler, bob: Labeler) -> None:
    drawn = open_campaign(review_percent=100)
    dialogue(alice, drawn), few_shot(alice, drawn), chat(alice, drawn)
    first = open_campaign(review_first=1)
    few_shot(bob, first)
    dialogue(bob, first, answer="Nobody knows.")
    start_composition(labeler=bob, campaign=first, kind=CompositionKind.DIALOGUE)  # not handed in
    assert plan_reviews() == 5
    assert [
        (f"{each.composition.kind} by {each.composition.labeler}", each.reasons)
        for each in Review.objects.order_by("composition_id")
        if each.composition is not None
    ] == [
        ("dialogue by alice", ["random"]),
        ("own_prompt by alice", ["random"]),
        ("chat by alice", ["random"]),
        ("own_prompt by bob", ["new_labeler"]),
        ("dialogue by bob", ["new_labeler"]),
    ]
    assert plan_reviews() == 0
    rita = reviewer()
    assert "5 wait." in rita.get("/review/").text
    assert "1 waits." in rita.get("/review/?kind=chat").text
    for review in Review.objects.all():
        page = rita.get(f"/review/{review.token}/")
        assert page.status_code == 200
        assert "Accept" in page.text
        assert ("/fix/" in page.text) == (review.prompt.picked_message_id is None), "a chat has no answer to fix"


def test_only_what_was_handed_in_can_be_reviewed(alice: Labeler) -> None:
    begun = start_composition(labeler=alice, campaign=open_campaign(), kind=CompositionKind.DIALOGUE)
    with pytest.raises(ReviewRefused, match="handed in"):
        request_review_of_own(composition=begun, reason=ReviewReason.ASKED_FOR)
    olga = admin_browser()
    assert "Ask for a review" not in olga.get(f"/admin/labeling/composition/{begun.pk}/change/").text
    own = dialogue(alice)
    olga.post(reverse("admin:labeling_composition_ask_for_review", args=[own.pk]), {"reason": "Is it true?"})
    assert Review.objects.get().note == "Is it true?"


def test_a_returned_dialogue_is_revised_and_looked_at_again(client: Client, alice: Labeler) -> None:
    own = dialogue(alice)
    rita = reviewer()
    token = asked(own)
    assert "In the air." in rita.get(f"/review/{token}/").text
    rita.post(f"/review/{token}/return/", {"seen": "1", "text": "How high?"})
    assert "How high?" in client.get("/").text
    page = client.get(f"/compose/{own.token}/").text
    assert "How high?" in page
    address = f"/answers/{own.token}/"
    assert address in page
    assert "In the air.</textarea>" in client.get(address).text

    draft = {"draft": {"1-answer-text": ["In the air, high"], "seen": ["1"]}, "base_version": 0, "page": "a" * 32}
    assert client.put(f"{address}draft/", json.dumps(draft), content_type="application/json").status_code == 200
    assert "In the air, high</textarea>" in client.get(address).text
    sent = {"seen": "1", "draft_version": "1", "active_seconds": "30"}
    empty = client.post(f"{address}submit/", sent | {"1-answer-text": " \n"})
    assert (empty.status_code, "An answer is empty." in empty.text) == (422, True)
    own.refresh_from_db()
    sent["draft_version"] = str(own.draft_version)
    same = client.post(f"{address}submit/", sent | {"1-answer-text": "In the air."})
    assert (same.status_code, "Nothing was changed yet." in same.text) == (422, True)
    own.refresh_from_db()
    sent["draft_version"] = str(own.draft_version)
    done = client.post(f"{address}submit/", sent | {"1-answer-text": "In the air, at 2,000 m."}, follow=True)
    assert done.redirect_chain[-1][0] == f"/compose/{own.token}/"
    assert "In the air, at 2,000 m." in done.text

    assert [(each.revision, each.text) for each in Demonstration.objects.order_by("revision")] == [
        (1, "In the air."),
        (2, "In the air, at 2,000 m."),
    ]
    assert exported() == {"In the air, at 2,000 m."}
    assert "Answered" in rita.get("/review/").text
    again = Review.objects.get(state=ReviewState.WAITING)
    assert again.reasons == [ReviewReason.ANSWERED]
    stale = rita.post(f"/review/{again.token}/accept/", {"seen": "1"})
    assert (stale.status_code, "revised it while you looked" in stale.text) == (422, True)
    rita.post(f"/review/{again.token}/accept/", {"seen": "2"})
    assert client.get(address).headers["Location"] == f"/compose/{own.token}/"
    late = client.post(f"{address}submit/", sent | {"1-answer-text": "No."}, follow=True)
    assert "It is not with you any more." in texts_of(late)[0]
    assert Demonstration.objects.count() == 2
    assert plan_reviews() == 1  # looked at once, and nothing more asked for
    assert not Review.objects.filter(state=ReviewState.WAITING).exists()


def test_a_returned_chat_is_answered_in_words(client: Client, alice: Labeler) -> None:
    own = chat(alice)
    rita = User.objects.create_user("rita")
    return_to_labeler(token=asked(own), reviewer=rita, seen=1, text="Why did you stop?")
    page = client.get(f"/compose/{own.token}/").text
    assert "Why did you stop?" in page
    assert f"/answers/{own.token}/" not in page, "there is nothing to revise"
    assert client.get(f"/answers/{own.token}/").headers["Location"] == f"/compose/{own.token}/"
    client.post("/messages/write/", {"about": str(own.token), "text": "It repeated itself.", "do": "broken"})
    assert Thread.objects.get(composition=own).messages.count() == 2
    assert "Do fish sleep?" in client.get("/messages/").text
    assert Review.objects.get(state=ReviewState.WAITING).reasons == [ReviewReason.ANSWERED]


def test_a_reviewer_fixes_the_answers_of_an_own_prompt(client: Client, alice: Labeler) -> None:
    own = few_shot(alice)
    rita = reviewer()
    address = f"/review/{asked(own)}/fix/"
    page = rita.get(address).text
    assert "Angre</textarea>" in page
    assert "It broke." in page
    unchanged = rita.post(address, {"seen": "1", "1-answer-text": "Joy", "2-answer-text": "Angre"})
    assert (unchanged.status_code, "Nothing is changed." in unchanged.text) == (422, True)
    rita.post(address, {"seen": "1", "1-answer-text": "Joy", "2-answer-text": "Anger", "why": "A slip."})
    review = Review.objects.get()
    assert (review.state, review.revision) == (ReviewState.FIXED, 2)
    assert [(each.text, each.revision, str(each.fixed_by)) for each in answers_of(own)] == [
        ("Joy", 1, "None"),
        ("Anger", 2, "rita"),
    ]
    assert exported() == {"Joy", "Anger"}
    told = client.get(f"/compose/{own.token}/").text
    assert "A slip." in told
    assert "Anger" in told
    assert own_submission(own).fixed
    leave_out(target=Demonstration.objects.get(text="Angre"), reason="Not sure.")
    assert exported() == {"Joy"}, "what is left out is left out with its revisions"


def test_nobody_reviews_their_own_writing(alice: Labeler) -> None:
    token = asked(dialogue(alice))
    own = reviewer(labeler=alice)
    assert "Nothing waits for you right now." in own.get("/review/").text
    assert own.get(f"/review/{token}/").status_code == 403
    assert own.post(f"/review/{token}/fix/", {"seen": "1", "1-answer-text": "No."}).status_code == 403


def test_a_campaign_manager_reviews_in_their_campaigns_and_a_reviewer_everywhere(alice: Labeler) -> None:
    mine, other = open_campaign(), open_campaign()
    seen, hidden = asked(dialogue(alice, mine)), asked(dialogue(alice, other))
    mia = User.objects.create_user("mia")
    set_roles(user=mia, roles=frozenset({Role.CAMPAIGN_MANAGER, Role.REVIEWER}))
    mine.managers.add(mia)
    browser = Client()
    browser.force_login(User.objects.get(pk=mia.pk))
    queue = browser.get("/review/").text
    assert "1 waits." in queue
    assert other.name not in queue
    assert browser.get(f"/review/{seen}/").status_code == 200
    for page in ("", "fix/", "adjudicate/"):
        assert browser.get(f"/review/{hidden}/{page}").status_code == 404
    for button in ("accept/", "return/", "take-back/", "compare/", "fix/"):
        assert browser.post(f"/review/{hidden}/{button}", {"seen": "1", "text": "No."}).status_code == 404
    sent = json.dumps({"draft": {}, "base_version": 0, "page": "a" * 32})
    assert browser.put(f"/review/{hidden}/draft/", sent, content_type="application/json").status_code == 404
    assert browser.post("/review/next/").headers["Location"] == f"/review/{seen}/"
    assert "2 wait." in reviewer().get("/review/").text
    assert set(Review.objects.values_list("state", flat=True)) == {ReviewState.WAITING}
