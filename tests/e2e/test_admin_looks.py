"""The admin at 1440 pixels: four completions stand beside each other, whole, and buttons beneath the page's name."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from labeling.models import Labeler, Ranking
from tests.labeling.cast import PASSWORD, make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

IS_ON_TOP = """name => {
    const box = name.getBoundingClientRect();
    const seen = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    return box.width > 20 && (seen === name || name.contains(seen));
}"""

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_four_completions_fit_beside_each_other(browser: Browser, live_server: LiveServer, alice: Labeler) -> None:
    User.objects.create_superuser("olga", password=PASSWORD)
    task = make_ready_task(make_prompt(make_campaign()))
    rank(alice, [1, 2, 3, 4])
    page = browser.new_page(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    page.goto(f"/admin/login/?next=/admin/labeling/rankingtask/{task.pk}/change/")
    page.locator("[name=username]").fill("olga")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form.panel [type=submit]").click()
    cards = page.locator(".cc-completions .cc-completion")
    cards.first.wait_for()
    boxes = [card.bounding_box() for card in cards.all()]
    assert len({box["y"] for box in boxes if box}) == 1, boxes

    page.goto(f"/admin/labeling/ranking/{Ranking.objects.get().pk}/change/")
    tiers = page.locator(".cc-tiers")
    tiers.wait_for()
    assert tiers.evaluate("tiers => tiers.scrollWidth <= tiers.clientWidth")
    assert page.locator("link[rel=icon]").get_attribute("href")

    # The many buttons of a campaign leave its name readable, and none is cut off.
    page.goto(f"/admin/labeling/campaign/{task.campaign_id}/change/")
    header = page.locator("#header-inner")
    header.wait_for()
    name = header.locator("h1 a").last
    assert name.evaluate(IS_ON_TOP)
    assert header.evaluate("header => header.getBoundingClientRect().height") > 50  # they have a line of their own
    assert header.locator("li").evaluate_all("all => all.every(one => one.getBoundingClientRect().right < innerWidth)")
    page.close()
