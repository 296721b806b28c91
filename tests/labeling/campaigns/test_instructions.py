"""Instructions are read before working under them, once a version; warnings of content stand before the content."""

import pytest
from django.test import Client

from labeling.base.states import CompositionKind, ContentWarning
from labeling.campaigns.services.campaigns import publish_instructions
from labeling.campaigns.services.prompts import warn_of_content
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.models import Assignment, Labeler
from labeling.writing.services import start_composition
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.markup import compact

pytestmark = pytest.mark.django_db

SECRET = "Tell me of the war in every detail."


def read_it(client: Client, html: str, back: str) -> str:
    version = html.partition("/instructions/read/")[2].partition("/")[0]
    answer = client.post(f"/instructions/read/{version}/", {"back": back})
    return str(answer["Location"])


def test_the_first_task_of_a_campaign_starts_with_its_instructions(client: Client) -> None:
    make_ready_task(make_prompt(make_campaign(read=False)))
    address = client.post("/next/ranking/")["Location"]
    html = client.get(address).content.decode()
    assert "Before you start" in html
    assert "Be helpful" in html
    assert 'name="1-rank"' not in html
    assert read_it(client, html, address) == address
    assert 'name="1-rank"' in client.get(address).content.decode()


def test_a_changed_version_is_read_once_and_shows_what_changed(client: Client) -> None:
    campaign = make_campaign()
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
    publish_instructions(campaign=campaign, body={"en": "# Be helpful\n\nRate, then sort. Never guess."})
    address = client.post("/next/ranking/")["Location"]
    html = client.get(address).content.decode()
    assert "The instructions have changed" in html
    assert '<ins dir="auto">Rate, then sort. Never guess.</ins>' in html
    assert '<del dir="auto">Rate each completion **alone**, then sort them. Ties are encouraged.</del>' in html
    read_it(client, html, address)
    client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4]))
    following = client.post("/next/ranking/")["Location"]
    assert 'name="1-rank"' in client.get(following).content.decode()


def test_work_that_is_held_goes_on_under_the_version_it_was_taken_under(client: Client, alice: Labeler) -> None:
    campaign = make_campaign()
    make_ready_task(make_prompt(campaign))
    address = client.post("/next/ranking/")["Location"]
    client.put(f"{address}draft/", {"draft": {"note": ["Begun."]}, "base_version": 0}, "application/json")
    publish_instructions(campaign=campaign, body={"en": "All new."})
    html = client.get(address).content.decode()
    assert "Begun." in html
    assert "have changed" not in html
    client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4]))
    assert alice.rankings.get().instruction_version.version == 1


def test_nothing_is_lost_where_somebody_hands_in_without_having_read(client: Client, alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign(read=False)))
    address = client.post("/next/ranking/")["Location"]
    assert client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4])).status_code == 302
    assert alice.rankings.count() == 1


def test_own_writing_starts_with_the_instructions_too(client: Client, alice: Labeler) -> None:
    campaign = make_campaign(ask_dialogues=True, read=False)
    own = start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE)
    assert "Before you start" in client.get(f"/compose/{own.token}/").content.decode()


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""])
def test_reading_leads_nowhere_but_here(client: Client, back: str) -> None:
    campaign = make_campaign(read=False)
    version = campaign.instruction_versions.get().pk
    assert client.post(f"/instructions/read/{version}/", {"back": back})["Location"] == "/"


def held_with_warning(alice: Labeler) -> Assignment:
    prompt = make_prompt(make_campaign(), text=SECRET)
    warn_of_content(prompt=prompt, warnings=[ContentWarning.VIOLENCE])
    held = claim_demonstration(labeler=alice)
    assert held is not None
    return held


def test_a_warning_comes_before_the_content(client: Client, alice: Labeler) -> None:
    held = held_with_warning(alice)
    html = client.get(f"/work/{held.token}/").content.decode()
    assert "content warning" in html
    assert "Violence" in html
    assert SECRET not in html
    assert SECRET in client.get(f"/work/{held.token}/?shown=1").content.decode()


def test_whoever_has_begun_is_not_warned_again(client: Client, alice: Labeler) -> None:
    held = held_with_warning(alice)
    body = {"draft": {"text": ["Begun."]}, "base_version": 0}
    client.put(f"/work/{held.token}/draft/", body, "application/json")
    assert SECRET in client.get(f"/work/{held.token}/").content.decode()


def test_it_can_be_skipped_without_being_seen(client: Client, alice: Labeler) -> None:
    held = held_with_warning(alice)
    html = client.get(f"/work/{held.token}/").content.decode()
    assert 'name="skip_reason" value="harmful_to_me"' in html
    client.post(f"/work/{held.token}/skip/", {"skip_reason": "harmful_to_me"})
    held.refresh_from_db()
    assert (held.state, held.skip_reason) == ("skipped", "harmful_to_me")


def test_who_opted_out_is_neither_offered_nor_shown_such_work(client: Client, alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign()
    violent = make_prompt(campaign, text=SECRET, content_warnings=[ContentWarning.VIOLENCE, ContentWarning.HATE])
    make_ready_task(violent)
    client.post("/preferences/", {"break_minutes": "50", "time_zone": "", "opt_outs": ["hate"]})
    alice.refresh_from_db()
    html = compact(client.get("/").content.decode())
    assert 'data-available="ranking">0<' in html
    assert 'data-available="demonstration">0<' in html
    assert claim_ranking(labeler=alice) is None
    assert claim_demonstration(labeler=alice) is None
    assert claim_ranking(labeler=bob) is not None
    assert claim_demonstration(labeler=bob) is not None


def test_opting_out_of_something_else_changes_nothing(client: Client, alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign(), content_warnings=[ContentWarning.VIOLENCE]))
    client.post("/preferences/", {"break_minutes": "50", "time_zone": "", "opt_outs": ["medical", "sexual"]})
    alice.refresh_from_db()
    assert claim_ranking(labeler=alice) is not None
