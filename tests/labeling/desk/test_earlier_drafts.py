"""Earlier versions of a draft: kept while people write, and restored through the page that lists them."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from labeling.base.states import CompositionKind
from labeling.desk.services.assignments import claim_demonstration
from labeling.desk.services.drafts import EARLIER_KEPT
from labeling.desk.services.leases import close_campaign
from labeling.models import Assignment, Demonstration, EarlierDraft, Labeler
from labeling.writing.services import start_composition
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt

pytestmark = pytest.mark.django_db

LONG = "A sentence that is quite long enough to be missed by whoever deleted it."


@pytest.fixture
def held(alice: Labeler) -> Assignment:
    make_prompt(make_campaign())
    claimed = claim_demonstration(labeler=alice)
    assert claimed is not None
    return claimed


def save(client: Client, held: Assignment, text: str, version: int, **more: Any) -> Any:
    body = {"draft": {"text": [text]}, "base_version": version, **more}
    return client.put(f"/work/{held.token}/draft/", body, "application/json")


def texts(held: Assignment) -> list[str]:
    return [kept.draft["text"][0] for kept in EarlierDraft.objects.filter(token=held.token)]


def test_typing_on_keeps_a_version_a_minute_and_not_one_a_second(client: Client, held: Assignment) -> None:
    for version, text in enumerate(["One", "One two", "One two three"]):
        save(client, held, text, version)
    assert texts(held) == ["One"]
    EarlierDraft.objects.update(kept_at=timezone.now() - timedelta(minutes=2))
    save(client, held, "One two three four", 3)
    assert texts(held) == ["One two three", "One"]


def test_a_text_that_is_deleted_can_be_had_back(client: Client, held: Assignment) -> None:
    save(client, held, "First", 0)
    save(client, held, LONG, 1)
    save(client, held, "", 2)
    assert texts(held) == [LONG, "First"]
    page = client.get(f"/drafts/{held.token}/").content.decode()
    assert LONG in page
    number = EarlierDraft.objects.get(draft__text=[LONG]).pk
    back = client.post(f"/drafts/{held.token}/{number}/restore/")
    assert back["Location"] == f"/work/{held.token}/"
    work = client.get(back["Location"]).content.decode()
    assert LONG in work
    assert "earlier version is restored" in work
    assert 'name="draft_version" value="4"' in work


def test_an_admin_finds_them_from_the_page_of_what_was_handed_in(client: Client, held: Assignment) -> None:
    save(client, held, "First", 0)
    save(client, held, LONG, 1)
    client.post(f"/work/{held.token}/submit/", {"text": "Handed in.", "draft_version": 2})
    EarlierDraft.objects.create(token=uuid4(), labeler=held.labeler, version=1, draft={"text": ["Of other work"]})
    demonstration = Demonstration.objects.get()
    admin = admin_browser()
    for page in (
        f"/admin/labeling/demonstration/{demonstration.pk}/change/",
        f"/admin/labeling/assignment/{held.pk}/change/",
    ):
        link = re.search(r'href="(/admin/labeling/earlierdraft/[^"]+)">\d earlier version', admin.get(page).text)
        assert link, page
        listed = admin.get(html.unescape(link[1])).text
        assert "First" in listed
        assert "Of other work" not in listed
    kept = EarlierDraft.objects.filter(token=held.token).latest("pk")
    assert kept.draft["text"][0] in admin.get(f"/admin/labeling/earlierdraft/{kept.pk}/change/").text


def test_the_draft_that_lost_against_another_device_is_kept(client: Client, held: Assignment) -> None:
    save(client, held, "From the phone", 0)
    assert save(client, held, "From the desk", 0).status_code == 409
    assert save(client, held, "From the desk", 1, settles=True).json()["version"] == 2
    assert texts(held) == ["From the phone"]
    body = {"draft": {"text": ["From a third"]}, "base_version": 2}
    assert client.post(f"/work/{held.token}/draft/", body, "application/json").status_code == 204
    held.refresh_from_db()
    assert held.draft == {"text": ["From the desk"]}
    assert texts(held) == ["From a third", "From the phone"]


def test_only_so_many_versions_are_kept(client: Client, held: Assignment) -> None:
    for version in range(EARLIER_KEPT + 5):
        save(client, held, f"Version {version}", version, settles=True)
    assert len(texts(held)) == EARLIER_KEPT
    assert texts(held)[0] == f"Version {EARLIER_KEPT + 3}"


def test_own_writing_has_earlier_versions_too(client: Client, alice: Labeler) -> None:
    campaign = make_campaign(ask_own_prompts=True)
    own = start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.OWN_PROMPT)
    for version, text in enumerate([LONG, ""]):
        body = {"draft": {"text": [text]}, "base_version": version}
        client.put(f"/compose/{own.token}/draft/", body, "application/json")
    kept = EarlierDraft.objects.get(token=own.token)
    assert LONG in client.get(f"/drafts/{own.token}/").content.decode()
    assert client.post(f"/drafts/{own.token}/{kept.pk}/restore/")["Location"] == f"/compose/{own.token}/"
    own.refresh_from_db()
    assert own.draft == {"text": [LONG]}


def test_nobody_sees_or_restores_anybody_elses(client: Client, held: Assignment) -> None:
    for version, text in enumerate([LONG, ""]):
        save(client, held, text, version)
    kept = EarlierDraft.objects.get()
    bob = browser_of(make_labeler("bob"))
    assert bob.get(f"/drafts/{held.token}/").status_code == 404
    assert bob.post(f"/drafts/{held.token}/{kept.pk}/restore/").status_code == 404
    body = {"draft": {"text": ["Mine"]}, "base_version": 0}
    assert bob.post(f"/work/{held.token}/draft/", body, "application/json").status_code == 404
    assert EarlierDraft.objects.count() == 1


def test_work_that_is_over_is_not_brought_back(client: Client, held: Assignment) -> None:
    for version, text in enumerate([LONG, ""]):
        save(client, held, text, version)
    kept = EarlierDraft.objects.get()
    client.post(f"/work/{held.token}/skip/", {"skip_reason": "unclear"})
    answer = client.post(f"/drafts/{held.token}/{kept.pk}/restore/", follow=True)
    assert "You skipped this one" in answer.content.decode()
    held.refresh_from_db()
    assert held.draft.get("text", [""]) != [LONG]


def test_a_closed_campaign_keeps_the_way_back(client: Client, held: Assignment) -> None:
    for version, text in enumerate([LONG, ""]):
        save(client, held, text, version)
    close_campaign(campaign=held.campaign)
    kept = EarlierDraft.objects.get()
    answer = client.post(f"/drafts/{held.token}/{kept.pk}/restore/", follow=True)
    assert answer.status_code == 410
    assert LONG in answer.content.decode()
