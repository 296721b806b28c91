"""A piece of work goes round: Rita returns it with a reason, Alice sees the reason and revises, Rita accepts it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.base.states import ReviewReason
from labeling.models import Adjudication, Labeler, Ranking, Review
from labeling.review.services.reviews import request_adjudication, request_review
from tests.e2e.desk import fits, log_in, scripts_listen, serious
from tests.labeling.cast import PASSWORD, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def rita(browser: Browser, live_server: LiveServer) -> Any:
    """Rita's page: a phone in the dark. She reviews and does not label."""
    user = User.objects.create_user("rita", password=PASSWORD)
    user.user_permissions.add(Permission.objects.get(codename="review_work"))
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 360, "height": 740}, color_scheme="dark", locale="en"
    )
    yield log_in(context.new_page(), "/login/?next=/review/", name="rita")
    context.close()


def test_a_ranking_is_returned_seen_with_its_reason_revised_and_accepted(
    page: Page, rita: Page, alice: Labeler
) -> None:
    make_ready_task(make_prompt(make_campaign(), text="Why is grass green?"))
    request_review(label=rank(alice, [1, 2, 3, 4], quality=5), reason=ReviewReason.NEW_LABELER)

    # The reviewer, by keys, on a phone.
    rita.reload()
    expect(rita.get_by_text("Why is grass green?")).to_be_visible()
    assert fits(rita)
    assert serious(rita) == []
    rita.keyboard.press("n")
    expect(rita.get_by_role("heading", name="Review a ranking")).to_be_visible()
    assert fits(rita)
    rita.keyboard.press("r")
    rita.keyboard.type("The second one is wrong about chlorophyll.")
    assert serious(rita) == []
    rita.keyboard.press("Control+Enter")
    expect(rita.get_by_text("Returned. The labeler sees your reason.")).to_be_visible()

    # The labeler sees the reason on the start page and beside the task, and revises.
    page.goto("/")
    page.get_by_role("link", name="wrong about chlorophyll").click()
    expect(page.get_by_role("heading", name="A reviewer returned this")).to_be_visible()
    page.get_by_role("button", name="Revise").click()
    scripts_listen(page)
    expect(page.get_by_text("The second one is wrong about chlorophyll.")).to_be_visible()
    assert serious(page) == []
    page.locator("[data-card=B]").focus()
    page.keyboard.press("2")
    page.keyboard.press("=")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Revision saved. It counts from now on.")).to_be_visible()
    assert Ranking.objects.count() == 2

    # It comes back, and is accepted.
    rita.goto("/review/")
    expect(rita.locator(".rows").get_by_text("Answered")).to_be_visible()
    rita.keyboard.press("n")
    expect(rita.get_by_role("link", name="Revision 1").first).to_be_visible()
    rita.keyboard.press("a")
    expect(rita.get_by_text("Accepted.")).to_be_visible()
    assert set(Review.objects.values_list("state", flat=True)) == {"answered", "accepted"}


def test_rankings_are_adjudicated_by_keys_across_a_reload(rita: Page, alice: Labeler) -> None:
    task = make_ready_task(make_prompt(make_campaign(rankings_per_task=2)))
    rank(alice, [1, 2, 3, 4])
    rank(make_labeler("bob"), [4, 3, 2, 1])
    request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
    rita.goto("/review/")
    rita.keyboard.press("n")
    expect(rita.locator("[data-adjudicated]")).to_have_count(4)
    rita.wait_for_load_state("networkidle")
    for key in "2113":
        rita.keyboard.press(key)
    expect(rita.locator("[data-draft-state]")).to_have_text("Saved as a draft")
    rita.reload()
    expect(rita.locator("input[name='1-rank'][value='2']")).to_be_checked()
    assert fits(rita)
    assert serious(rita) == []
    rita.wait_for_load_state("networkidle")
    rita.keyboard.press("Control+Enter")
    expect(rita.get_by_text("Adjudicated.")).to_be_visible()
    ranks = Adjudication.objects.get().completions.order_by("completion").values_list("rank", flat=True)
    assert list(ranks) == [2, 1, 1, 3]
