"""The next task as the answer to a submission: at its own address, safe to reload and to go back from."""

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Assignment, Ranking
from labeling.states import AssignmentState
from tests.e2e.desk import scripts_listen
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PATIENCE = 10_000


def test_reloading_and_going_back_after_a_submission_hand_nothing_in_again(page: Page) -> None:
    campaign = make_campaign()
    for _ in range(3):
        make_ready_task(make_prompt(campaign))
    page.goto("/")
    page.get_by_role("button", name="Start ranking").click()
    first = _token_on(page, other_than="")
    expect(page).to_have_url(f"{_root(page)}/work/{first}/")
    scripts_listen(page)
    page.locator("[data-card]").first.focus()
    for quality in "7531":
        page.keyboard.press(quality)
    page.get_by_role("button", name="Submit ranking").click()
    second = _token_on(page, other_than=first)
    expect(page.get_by_text("Ranking saved · 1 today")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(f"{_root(page)}/work/{second}/")

    page.reload()
    assert _token_on(page, other_than=first) == second
    page.go_back()
    expect(page).to_have_url(f"{_root(page)}/history/{first}/", timeout=PATIENCE)
    page.go_forward()
    assert _token_on(page, other_than=first) == second
    assert Ranking.objects.count() == 1
    assert Assignment.objects.filter(state=AssignmentState.OPEN).count() == 1


def _token_on(page: Page, *, other_than: str) -> str:
    form = page.locator(f"form[data-token]:not([data-token='{other_than}'])")
    form.wait_for(timeout=PATIENCE)
    return str(form.get_attribute("data-token"))


def _root(page: Page) -> str:
    return str(page.evaluate("location.origin"))
