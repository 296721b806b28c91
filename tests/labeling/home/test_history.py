"""Looking back at one's own work."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from labeling.desk.ranking.services import Judgement, fields_of_ranking, revise_ranking
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.desk.services.leases import close_campaign
from labeling.desk.services.revisions import start_revision
from labeling.models import Labeler
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task, ranking_form_data

pytestmark = pytest.mark.django_db

FISH = ["One fish.", "Two fish.", "Red fish.", "Blue fish."]


def rank_one(client: Client, labeler: Labeler, *, text: str = "") -> str:
    make_ready_task(
        make_prompt(make_campaign(), text=text, demonstrations_needed=0),
        texts=["One fish.", "Two fish.", "Red fish.", "Blue fish."],
    )
    held = claim_ranking(labeler=labeler)
    assert held is not None
    form_data = ranking_form_data([2, 1, 1, 3], **{"2-flags": ["fails_task"], "2-note": "Fine.", "note": "Fishy."})
    client.post(f"/work/{held.token}/submit/", form_data)
    return str(held.token)


def test_the_last_submission_comes_first_and_pages_follow(client: Client, alice: Labeler) -> None:
    for number in range(27):
        rank_one(client, alice, text=f"{number}: how many fish?")
    first = client.get("/history/").content.decode()
    assert first.index("26: how many fish?") < first.index("25: how many fish?")
    assert "1: how many fish?" not in first.replace("21: how", "").replace("11: how", "")
    assert "Page 1 of 2" in first
    second = client.get("/history/?page=2").content.decode()
    assert "0: how many fish?" in second
    assert client.get("/history/?page=nonsense").status_code == 200


def test_nobody_sees_the_history_of_others(client: Client, alice: Labeler) -> None:
    token = rank_one(client, alice, text="How many fish?")
    bob = browser_of(make_labeler("bob"))
    assert "How many fish?" not in bob.get("/history/").content.decode()
    assert bob.get(f"/history/{token}/").status_code == 404


def test_a_ranking_is_shown_best_first_with_ties_together(client: Client, alice: Labeler) -> None:
    token = rank_one(client, alice)
    html = client.get(f"/history/{token}/").content.decode()
    order = [html.index(f">{letter}</h3>") for letter in "BCAD"]
    assert order == sorted(order)
    assert "Fails the task" in html
    assert "Fine." in html
    assert "Fishy." in html
    assert "secret-model" not in html


def test_the_last_revision_is_the_one_shown(client: Client, alice: Labeler) -> None:
    token = rank_one(client, alice)
    judgements = [Judgement(shown_position=position, rank=position, quality=4) for position in (1, 2, 3, 4)]
    begun = start_revision(labeler=alice, token=token, fields_of=fields_of_ranking)
    revise_ranking(
        labeler=alice, token=str(begun.token), judgements=judgements, active_seconds=1, note="Second thoughts."
    )
    html = client.get(f"/history/{token}/").content.decode()
    assert "Second thoughts." in html
    assert "Revision 2" in html
    assert "Fishy." not in html


def test_a_demonstration_is_shown_with_its_conversation(client: Client, alice: Labeler) -> None:
    make_prompt(make_campaign(), text="What is tea?")
    held = claim_demonstration(labeler=alice)
    assert held is not None
    client.post(f"/work/{held.token}/submit/", {"text": "A **leaf** in hot water. <b>Hot</b>"})
    html = client.get(f"/history/{held.token}/").content.decode()
    assert "What is tea?" in html
    assert "<strong>leaf</strong>" in html
    assert "&lt;b&gt;Hot" in html


def test_work_of_a_closed_campaign_stays_readable(client: Client, alice: Labeler) -> None:
    token = rank_one(client, alice)
    campaign = alice.assignments.get().campaign
    close_campaign(campaign=campaign)
    assert client.get(f"/history/{token}/").status_code == 200


def test_work_that_is_not_handed_in_is_no_history_yet(client: Client, alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=alice)
    assert held is not None
    assert client.get(f"/history/{held.token}/")["Location"] == f"/work/{held.token}/"
    assert "Nothing submitted yet" in client.get("/history/").content.decode()


def rows_of(client: Client, query: str = "") -> list[str]:
    """The titles of what the list shows."""
    html = client.get(f"/history/?{query}").content.decode()
    found = re.findall(r'class="excerpt row-title"[^>]*>\s*(.*?)\s*</span>', html, re.DOTALL)
    return [unescape(each) for each in found]


def write_one(client: Client, labeler: Labeler, text: str, *, prompt: str = "") -> str:
    make_prompt(make_campaign(name="Writing"), text=prompt)
    held = claim_demonstration(labeler=labeler)
    assert held is not None
    client.post(f"/work/{held.token}/submit/", {"text": text})
    return str(held.token)


def own_prompt(client: Client, text: str) -> None:
    campaign = make_campaign(name="Own", ask_own_prompts=True)
    begun = client.post(f"/compose/start/{campaign.slug}/own_prompt/")["Location"]
    sent = {"kind": "plain", "use_case": "open_qa", "language": "en", "prompt-text": text}
    answered = client.post(f"{begun}submit/", sent)
    assert answered.status_code == 302, answered.content.decode()


def test_what_was_handed_in_is_the_title_and_own_writing_stands_in_the_same_list(
    client: Client, alice: Labeler
) -> None:
    rank_one(client, alice, text="How many fish?")
    write_one(client, alice, "A leaf in hot water.", prompt="What is tea?")
    own_prompt(client, "Why do cats purr?")
    titles = rows_of(client)
    assert titles[:2] == ["Why do cats purr?", "A leaf in hot water."]
    best = alice.rankings.get().ranked_completions.filter(rank=1).order_by("shown_position").first()
    assert best is not None
    assert titles[2:] == [best.completion.text]
    assert "What is tea?" in client.get("/history/").content.decode()


def test_the_history_is_searched_by_text_kind_campaign_flag_and_day(client: Client, alice: Labeler) -> None:
    rank_one(client, alice, text="How many “fish”?")
    write_one(client, alice, "A leaf in hot water.", prompt='What is "tea"?')
    own_prompt(client, "Why do cats purr?")
    fish = rows_of(client, "kind=ranking")
    assert len(fish) == 1
    assert rows_of(client, "text=HOT+water") == ["A leaf in hot water."]
    assert rows_of(client, 'text="tea"') == ["A leaf in hot water."]
    assert rows_of(client, "text=%E2%80%9Cfish%E2%80%9D") == fish, "of the prompt"
    assert rows_of(client, "text=red+fish") == fish, "of any completion"
    assert rows_of(client, "text=Fishy") == fish, "of a note"
    assert rows_of(client, "text=purr") == ["Why do cats purr?"]
    assert rows_of(client, "flag=fails_task") == fish
    assert rows_of(client, f"campaign={alice.compositions.get().campaign.slug}") == ["Why do cats purr?"]
    today = timezone.now().date()
    assert len(rows_of(client, f"since={today - timedelta(days=1)}&until={today + timedelta(days=1)}")) == 3
    assert rows_of(client, f"until={today - timedelta(days=2)}") == []
    assert "Nothing of yours fits that." in client.get("/history/?text=nowhere").content.decode()


@pytest.mark.parametrize("query", ["since=yesterday", "kind=novel", "campaign=nobodys", "flag=none"])
def test_a_search_that_cannot_be_read_says_so_and_hides_nothing(client: Client, alice: Labeler, query: str) -> None:
    rank_one(client, alice)
    page = client.get(f"/history/?{query}")
    assert page.status_code == 200
    assert len(rows_of(client, query)) == 1
    assert re.search(r'role="alert">[^<]+<', page.content.decode())


def test_pages_keep_what_was_searched(client: Client, alice: Labeler) -> None:
    for number in range(26):
        rank_one(client, alice, text=f"{number}: how many fish?")
    html = unescape(client.get("/history/?text=how+many&kind=ranking").content.decode())
    assert "26 submissions found." in html
    assert "?text=how+many&kind=ranking&page=2" in html
