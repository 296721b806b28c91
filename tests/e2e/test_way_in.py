"""The way in, in a real browser: invitation, screening, decision, practice with the right answer, first real task."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from labeling.base.states import CampaignStage, LabelerState, ScreeningOutcome
from labeling.models import Candidate, Labeler
from labeling.onboarding.invitations.services import Invited, make_invitation
from labeling.onboarding.screening.services import decide
from labeling.onboarding.stages.services import change_stage_settings
from labeling.people.roles.rules import Role
from labeling.people.roles.services import make_roles, set_roles
from labeling.quality.gold.services.measuring import measure_handed_in
from tests.e2e.desk import fits, letters_by_text, scripts_listen, serious
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import write
from tests.labeling.onboarding.screened import make_stage

PASSWORD = "seven wild geese 41"
CHINESE = {"name": settings.LANGUAGE_COOKIE_NAME, "value": "zh-hans"}


def looks_right(page: Page) -> None:
    """Light and wide, and dark on a phone."""
    assert serious(page) == []
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    assert fits(page), page.url
    assert serious(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


def rank_as_the_researchers(page: Page) -> None:
    """The first answer first, and so on, whatever order they are shown in."""
    scripts_listen(page)
    cards = letters_by_text(page)
    by_letter = {letter: text for text, letter in cards.items()}
    page.locator("[data-card=A]").focus()
    for letter in sorted(by_letter):
        number = int("".join(filter(str.isdigit, by_letter[letter])))
        page.keyboard.press(str(8 - number))
    page.locator("body").evaluate("body => (body.dataset.before = '')")
    page.locator(".bar > button[type=submit]").first.click()
    page.locator("body:not([data-before])").wait_for()


def test_from_the_invitation_to_the_first_real_task(context: BrowserContext, live_server: object) -> None:
    screening = make_stage(CampaignStage.SCREENING, items=1, name="The first look")
    practice = make_stage(CampaignStage.PRACTICE, items=1, name="Try it")
    change_stage_settings(campaign=practice, practice_items=1)
    make_ready_task(make_prompt(make_campaign(name="Everyday questions", demonstrations_per_prompt=0)))
    olga = User.objects.create_superuser("olga")
    invited = Invited(campaigns=[screening])
    _, secret = make_invitation(invited=invited, expires_at=timezone.now() + timedelta(days=1), by=olga)

    # The account.
    page = context.new_page()
    page.goto(f"/join/{secret}/")
    looks_right(page)
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_text("English", exact=True).last.check()
    page.get_by_role("button", name="Make my account").click()

    # What she can judge, the instructions, the screening.
    expect(page.locator("[aria-current=step]")).to_contain_text("What you can judge")
    looks_right(page)
    page.get_by_role("link", name="Fill it in").click()
    looks_right(page)
    page.get_by_label("Religion").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Read: The first look").click()
    page.get_by_role("button", name="I have read this").click()
    expect(page.locator("[aria-current=step]")).to_contain_text("0 of 1 rankings")
    page.get_by_role("button", name="Rank").click()
    rank_as_the_researchers(page)
    page.goto("/path/")
    expect(page.locator("[aria-current=step]")).to_contain_text("A decision")

    # Somebody decides; she practises and sees the answer and why at once.
    measure_handed_in()
    anna = Labeler.objects.get(user__username="anna")
    decide(candidate=Candidate.objects.get(labeler=anna), outcome=ScreeningOutcome.ADMITTED, text="", by=olga)
    page.goto("/path/")
    page.get_by_role("button", name="Go on practising").click()
    rank_as_the_researchers(page)
    expect(page.get_by_role("heading", name="The right answer")).to_be_visible()
    expect(page.get_by_text("Because.")).to_be_visible()
    anna.refresh_from_db()
    assert anna.state == LabelerState.ACTIVE

    # Her first real task.
    page.get_by_role("button", name="Next ranking").click()
    scripts_listen(page)
    expect(page.locator(".work-head")).to_contain_text("Everyday questions")
    rank_as_the_researchers(page)
    context.add_cookies([CHINESE | {"url": page.url}])  # type: ignore[list-item]
    page.goto("/path/")
    expect(page.locator(".path-done")).to_have_count(7)
    expect(page.locator("main")).to_contain_text("最初的任务")
    looks_right(page)


def test_a_reviewer_grades_on_a_wide_screen_and_on_a_phone(page: Page, context: BrowserContext, alice: Labeler) -> None:
    campaign = make_campaign(stage=CampaignStage.SCREENING)
    make_prompt(campaign, text="Explain tides.")
    write(make_labeler("bob", state=LabelerState.SCREENING), "The moon pulls the water.")
    make_roles()
    set_roles(user=alice.user, roles=frozenset({Role.REVIEWER}))
    page.goto("/grading/")
    looks_right(page)
    page.get_by_role("radio", name="6").check()
    page.get_by_role("button", name="Save and go to the next").click()
    expect(page.get_by_role("heading", name="Nothing to grade right now")).to_be_visible()
    expect(page.get_by_text("Graded 6 of 7.")).to_be_visible()
