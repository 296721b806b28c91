"""Second thoughts in a real browser: what was handed in is opened again, changed across a reload, and handed in."""

from playwright.sync_api import Page, expect

from labeling.desk.demonstrating.services import submit_demonstration
from labeling.desk.ranking.services import submit_ranking
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.models import Assignment, Demonstration, Labeler, Ranking
from tests.e2e.desk import fits, scripts_listen, serious
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import judgements


def ranked(alice: Labeler) -> Assignment:
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=alice)
    assert held is not None
    submit_ranking(
        labeler=alice, token=str(held.token), judgements=judgements(held, [1, 2, 3, 4], quality=4), active_seconds=1
    )
    return held


def written(alice: Labeler) -> Assignment:
    make_prompt(make_campaign(ranking_tasks_per_prompt=0), text="What is tea?")
    held = claim_demonstration(labeler=alice)
    assert held is not None
    submit_demonstration(labeler=alice, token=str(held.token), text="A leaf.", active_seconds=1)
    return held


def open_again(page: Page, assignment: Assignment) -> None:
    page.goto(f"/history/{assignment.token}/")
    page.get_by_role("button", name="Revise").click()
    expect(page.get_by_text("You are revising your submission")).to_be_visible()
    scripts_listen(page)


def saved(page: Page) -> None:
    expect(page.locator("[data-save-state]")).to_have_attribute("data-state", "saved")


def test_a_ranking_is_revised_across_a_reload(page: Page, alice: Labeler) -> None:
    open_again(page, ranked(alice))
    page.locator("#note-text").fill("Second thoughts.")
    saved(page)
    page.reload()
    expect(page.locator("#note-text")).to_have_value("Second thoughts.")
    page.get_by_role("button", name="Submit revision").click()
    expect(page.get_by_text("Revision saved. It counts from now on.")).to_be_visible()
    expect(page.get_by_role("link", name="Revision 1")).to_be_visible()
    assert list(Ranking.objects.order_by("revision").values_list("note", flat=True)) == ["", "Second thoughts."]
    assert serious(page) == []


def test_a_demonstration_is_revised_on_a_phone_in_the_dark(page: Page, alice: Labeler) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    open_again(page, written(alice))
    expect(page.locator("#text")).to_have_value("A leaf.")
    assert fits(page)
    assert serious(page) == []
    page.locator("#text").fill("A leaf, dried.")
    saved(page)
    assert Demonstration.objects.count() == 1
    page.get_by_role("button", name="Submit revision").click()
    expect(page.get_by_text("Revision saved. It counts from now on.")).to_be_visible()
    assert fits(page)
    assert serious(page) == []


def test_keeping_it_as_it_was_asks_first(page: Page, alice: Labeler) -> None:
    open_again(page, written(alice))
    page.locator("#text").fill("Never mind.")
    saved(page)
    page.get_by_text("Keep as it was").click()
    page.get_by_role("button", name="Discard my changes").click()
    expect(page.get_by_text("Kept as it was.")).to_be_visible()
    assert list(Demonstration.objects.values_list("text", flat=True)) == ["A leaf."]
