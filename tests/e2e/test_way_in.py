"""The way in, in a real browser: invitation, screening, decision, practice with the right answer, first real task."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from labeling.base.states import CampaignStage, LabelerState, ScreeningOutcome
from labeling.models import Candidate, Labeler
from labeling.onboarding.invitations.services import Invited, make_invitation
from labeling.onboarding.screening.services import decide
from labeling.onboarding.stages.services import change_stage_settings
from labeling.quality.gold.services.measuring import measure_handed_in
from tests.e2e.desk import letters_by_text, scripts_listen
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.onboarding.screened import make_stage

PASSWORD = "seven wild geese 41"


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


def test_from_the_invitation_to_the_first_real_task(context: BrowserContext) -> None:
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
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("[name=languages][value=en]").check()
    page.get_by_role("button", name="Make my account").click()

    # What she can judge, the instructions, the screening.
    expect(page.locator("[aria-current=step]")).to_contain_text("What you can judge")
    page.get_by_role("link", name="Fill it in").click()
    page.get_by_label("Religion").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Read: The first look").click()
    page.get_by_role("button", name="I have read this").click()
    expect(page.locator("[aria-current=step]")).to_contain_text("0 of 1 rankings")
    page.get_by_role("button", name="Rank", exact=True).click()
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
    expect(page.locator("main")).to_contain_text("Everyday questions")
    rank_as_the_researchers(page)
    page.goto("/path/")
    expect(page.locator(".path-done")).to_have_count(7)
