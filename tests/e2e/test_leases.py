"""A task that is read for long, lost to somebody else, or closed: what its page does about it, and says."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from labeling.base.states import SkipReason
from labeling.desk.services.assignments import claim_ranking, skip
from labeling.desk.services.leases import close_campaign, release_expired_leases
from labeling.models import Assignment, Campaign, EarlierDraft, Labeler
from tests.e2e.desk import says, start_ranking, until
from tests.labeling.cast import make_labeler

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

READ = "document.dispatchEvent(new CustomEvent('worked', { detail: 31 }))"
"""Half a minute at work on the page (static/desk/active-time.js), in no time."""


def test_a_page_that_is_read_keeps_its_task_and_says_when_it_has_lost_it(page: Page, alice: Labeler) -> None:
    bob = make_labeler("bob")
    start_ranking(page)
    held = Assignment.objects.get()

    def runs_out_in(seconds: int) -> None:
        Assignment.objects.filter(pk=held.pk).update(expires_at=timezone.now() + timedelta(seconds=seconds))

    # reading renews the lease
    runs_out_in(5)
    page.evaluate(READ)
    until(page, lambda: Assignment.objects.get(pk=held.pk).expires_at > timezone.now() + timedelta(minutes=5))

    # it ran out and somebody else has it: said to whoever reads, and to whoever goes on
    runs_out_in(-1)
    release_expired_leases()
    theirs = claim_ranking(labeler=bob)
    assert theirs is not None
    page.evaluate(READ)
    says(page, "Your time with this task ran out")
    page.keyboard.press("7")
    until(page, lambda: bool(Assignment.objects.get(pk=held.pk).draft))
    says(page, "Your time with this task ran out")

    # a place is free again: the next change takes it back
    skip(labeler=bob, token=str(theirs.token), reason=SkipReason.UNCLEAR)
    page.keyboard.press("6")
    until(page, lambda: Assignment.objects.get(pk=held.pk).state == "open")
    expect(page.locator("[data-save-text]")).not_to_contain_text("ran out")


def test_a_campaign_that_closes_says_so_at_the_next_save_and_leaves_nothing_to_be_sent(
    page: Page, alice: Labeler
) -> None:
    start_ranking(page)
    held = Assignment.objects.get()
    close_campaign(campaign=held.campaign, held_work_for=timedelta(hours=2))
    page.keyboard.press("7")
    says(page, "The campaign was closed: submit this by")
    page.reload()
    says(page, "The campaign was closed: submit this by")
    Campaign.objects.update(held_work_until=timezone.now())
    page.keyboard.press("6")
    says(page, "The campaign was closed and takes no more work")

    # what only this browser has goes among the earlier versions, and the start page promises nothing any more
    name = f"concord.draft.{alice.user_id}.{held.token}"
    kept = json.dumps({"draft": {"note": ["Only here."]}, "version": 0})
    page.goto("/")
    page.evaluate("([name, kept]) => localStorage.setItem(name, kept)", [name, kept])
    page.reload()
    page.get_by_role("link", name="Open it").click()
    until(page, lambda: EarlierDraft.objects.filter(draft={"note": ["Only here."]}).exists())
    until(page, lambda: page.evaluate("(name) => localStorage.getItem(name)", name) is None)
