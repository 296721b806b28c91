"""Every page and state that a labeler meets, one stop after the other, in English or Chinese.

Stops use no words of the interface, so that one tour serves every language. What each needs it makes by the services.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import BrowserContext, Page, expect

from labeling.base.states import (
    AssignmentState,
    CampaignStage,
    CheckKind,
    CompositionKind,
    ContentWarning,
    PayEntryKind,
    ReviewReason,
    SkipReason,
)
from labeling.campaigns.services.campaigns import publish_instructions
from labeling.campaigns.services.prompts import warn_of_content
from labeling.campaigns.services.starter import starter_flags
from labeling.conversations.services.withdrawing import withdraw
from labeling.desk.services.assignments import ASSIGNMENTS, claim_demonstration, claim_ranking, skip
from labeling.desk.services.leases import close_campaign, release_expired_leases, suspend_labeler
from labeling.models import (
    Assignment,
    Campaign,
    Check,
    Labeler,
    ModelVersion,
    RankingTask,
    Review,
    SuggestionRequest,
)
from labeling.pay.services import enter, open_period, set_pay_terms
from labeling.pay.surveys.services import open_survey_round
from labeling.people.roles.rules import Role
from labeling.people.roles.services import make_roles, set_roles
from labeling.quality.gold.services.items import RightAnswer, make_gold
from labeling.quality.gold.services.measuring import measure_handed_in
from labeling.ranking_tasks.services.sampling import one_source, sample_tasks
from labeling.ranking_tasks.services.tasks import copy_task
from labeling.review.services.reviews import (
    request_adjudication,
    request_review,
    request_review_of_own,
    return_to_labeler,
)
from labeling.writing.dialogues.rules import Turn
from labeling.writing.dialogues.services import submit_dialogue
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request
from tests.labeling.cast import PASSWORD, have_read, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.conversations.talks import agrees, asks, policy, served
from tests.labeling.handed_in import rank, write
from tests.labeling.onboarding.screened import invited_by, make_candidate, make_stage
from tests.labeling.scripted_sampler import ScriptedSampler

WORDS: dict[str, Any] = {
    "en": {
        "campaign": "Everyday questions",
        "about": "What people ask at home.",
        "instructions": "# Be helpful\n\nThen truthful.\n\n> Tea?\n\nTies are fine.",
        "changed": "# Be helpful\n\nThen truthful, and never guess.\n\n> Tea?\n\nTies are fine.",
        "question": "How do bees find their way home?",
        "answers": [
            "By the **sun**.",
            "By the sun, and by landmarks.",
            "By smell.",
            "They don't.\n\n```python\ndef f(x: int) -> str:\n    return 'a' * 3  # why\n```\n\n\u202e",
        ],
        "need": "You plan a trip.",
        "long": "Bees remember the way. " * 120,
    },
    "zh": {
        "campaign": "日常问题",
        "about": "大家在家里会问的问题。",
        "instructions": "# 要有帮助\n\n然后真实。\n\n> 喝茶吗？\n\n鼓励并列。",
        "changed": "# 要有帮助\n\n然后真实，不要猜。\n\n> 喝茶吗？\n\n鼓励并列。",
        "question": "蜜蜂怎么找到回家的路？",
        "answers": ["靠**太阳**。", "靠太阳，也靠地标。", "靠气味。", "找不到。\n\n`1 + 1`"],
        "need": "你在计划一次旅行。",
        "long": "蜜蜂记得回家的路。" * 260,
    },
}
SAVED = "[data-save-state][data-state=saved]"


@dataclass
class Tour:
    context: BrowserContext
    language: str
    alice: Labeler
    page: Page = field(init=False)
    campaign: Campaign = field(init=False)
    asked: int = 0

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.words = WORDS[self.language]
        interface = "zh-hans" if self.language == "zh" else "en"
        self.interface = interface
        self.campaign = make_campaign(
            name=self.words["campaign"],
            description=self.words["about"],
            instructions={interface: self.words["instructions"]},
            flags=starter_flags(),
            ask_dialogues=True,
            ask_chats=True,
            ask_own_prompts=True,
            ask_edit=True,
            ask_strength=True,
            use_case_statements=[{"language": self.language, "text": self.words["need"]}] * 2,
            k_min=4,
            k_max=4,
            demonstrations_per_prompt=0,
            read=False,
        )
        self.model = ModelVersion.objects.create(kind="sft", name="secret-model", path="/nowhere", state="current")

    def prompt(self, *, campaign: Campaign | None = None, **fields: Any) -> Any:
        self.asked += 1
        text = f"{self.asked}. {self.words['question']}"
        return make_prompt(campaign or self.campaign, text=text, language=self.language, **fields)

    def as_somebody(self, user: User) -> None:
        """Who is logged in from now on."""
        client = Client()
        client.force_login(user)
        session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
        home = "/".join(self.page.url.split("/")[:3])  # with a longer address the cookie would be of its folder alone
        self.context.add_cookies([session | {"url": home}])  # type: ignore[list-item]

    def ranking(self) -> Assignment:
        """Held, and open on the page."""
        self.close_all()
        make_ready_task(self.prompt(), texts=self.words["answers"])
        held = claim_ranking(labeler=self.alice)
        assert held is not None
        self.open(f"/work/{held.token}/")
        return held

    def rita(self) -> User:
        """She reviews."""
        return User.objects.get_or_create(username="rita")[0]

    def demonstration(self, **fields: Any) -> Assignment:
        self.close_all()
        self.prompt(demonstrations_needed=1, ranking_tasks_needed=0, **fields)
        held = claim_demonstration(labeler=self.alice)
        assert held is not None
        return held

    def close_all(self) -> None:
        """Whatever is still held goes back, for somebody else."""
        for held in self.alice.assignments.filter(state=AssignmentState.OPEN):
            skip(labeler=self.alice, token=str(held.token), reason=SkipReason.UNCLEAR)

    def open(self, path: str) -> None:
        self.page.goto(path)
        self.page.wait_for_load_state("networkidle")

    def post(self, action: str) -> None:
        """Presses the button of the form that posts there."""
        with self.page.expect_navigation():
            self.page.locator(f"form[action='{action}'] button[type=submit]").first.click()
        self.page.wait_for_load_state("networkidle")

    def submit(self) -> None:
        self.page.locator("body").evaluate("body => (body.dataset.before = '')")
        self.page.locator(".bar > button[type=submit]").first.click()
        self.page.locator("body:not([data-before])").wait_for()  # in the same document, or in another
        self.page.wait_for_load_state("networkidle")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def begin(self, kind: str) -> None:
        self.open("/")
        self.post(f"/compose/start/{self.campaign.slug}/{kind}/")

    def answer(self, *texts: str) -> None:
        waiting = SuggestionRequest.objects.get(state="waiting")
        answer_request(request_id=waiting.pk, model=self.model, sampler=ScriptedSampler(*texts))


Stop = Callable[[Tour], None]
STOPS: dict[str, Stop] = {}


def stop(visit: Stop) -> Stop:
    STOPS[visit.__name__.replace("_", " ")] = visit
    return visit


@stop
def code_of_the_app(tour: Tour) -> None:
    rita = User.objects.create_user("rita", password=PASSWORD)
    TOTPDevice.objects.create(user=rita, name="app", confirmed=True)
    tour.open("/login/")
    tour.page.locator("[name=username]").fill("rita")
    tour.page.locator("[name=password]").fill(PASSWORD)
    tour.page.locator("main form button[type=submit]").last.click()
    expect(tour.page.locator("[name=code]")).to_be_visible()


@stop
def code_that_is_wrong(tour: Tour) -> None:
    tour.page.locator("[name=code]").fill("123456")
    tour.page.locator("main form button[type=submit]").last.click()
    expect(tour.page.locator("[role=alert]")).to_be_visible()


@stop
def invited(tour: Tour) -> None:
    secret = invited_by(User.objects.create_superuser("olga"), campaigns=[tour.campaign])
    tour.open(f"/join/{secret}/")
    tour.page.locator("main form button[type=submit]").last.click()  # nothing is filled in
    expect(tour.page.locator("[role=alert]").first).to_be_visible()


@stop
def invitation_gone(tour: Tour) -> None:
    tour.open("/join/nothing/")


@stop
def log_in(tour: Tour) -> None:
    tour.open("/")


@stop
def start_with_nothing(tour: Tour) -> None:
    tour.page.locator("[name=username]").fill("alice")
    tour.page.locator("[name=password]").fill(PASSWORD)
    tour.page.locator("main form button[type=submit]").last.click()
    expect(tour.page.locator(".overview")).to_be_visible()


@stop
def nothing_to_rank(tour: Tour) -> None:
    tour.open("/next/ranking/")


@stop
def instructions_read_first(tour: Tour) -> None:
    tour.ranking()
    expect(tour.page.locator(".read-first")).to_be_visible()


@stop
def ranking(tour: Tour) -> None:
    tour.page.locator(".read-bar button").click()
    expect(tour.page.locator("[data-card]")).to_have_count(4)
    tour.page.wait_for_load_state("networkidle")


@stop
def instructions_beside_the_work(tour: Tour) -> None:
    tour.press("i")
    expect(tour.page.locator("dialog[open]")).to_be_visible()


@stop
def pause(tour: Tour) -> None:
    tour.press("Escape", ".")
    expect(tour.page.locator("#pause[open]")).to_be_visible()


@stop
def keys_of_the_ranking(tour: Tour) -> None:
    tour.press(".", "?")
    expect(tour.page.locator("#keys[open]")).to_be_visible()


@stop
def flags_and_note(tour: Tour) -> None:
    tour.press("Escape", "n", "Escape", "f")
    expect(tour.page.locator("[data-flags][open]")).to_be_visible()


@stop
def handed_in_too_early(tour: Tour) -> None:
    tour.press("Escape", "Escape")
    tour.submit()
    expect(tour.page.locator("[role=alert]").first).to_be_visible()


@stop
def comparing_two(tour: Tour) -> None:
    tour.press("c")
    expect(tour.page.locator("dialog[open] mark").first).to_be_visible()


@stop
def a_duel(tour: Tour) -> None:
    tour.press("Escape", "d")
    expect(tour.page.locator("[data-duel][open]")).to_be_visible()


@stop
def refined_against_the_ratings(tour: Tour) -> None:
    tour.press("Escape")
    tour.page.locator("[data-card=A]").focus()
    tour.press(*"7642", "k", "k", "x", "o")
    expect(tour.page.locator("[data-contradictions]")).not_to_be_empty()
    expect(tour.page.locator("[data-strengths]")).to_be_visible()


@stop
def why_skip(tour: Tour) -> None:
    tour.press("s")
    expect(tour.page.locator("#skip[open]")).to_be_visible()


@stop
def a_suggested_break(tour: Tour) -> None:
    tour.press("Escape")
    tour.page.evaluate("document.dispatchEvent(new CustomEvent('worked', { detail: 50 * 60 }))")
    expect(tour.page.locator("[data-break]")).to_be_visible()


@stop
def which_of_the_best(tour: Tour) -> None:
    tour.ranking()
    tour.press(*"7711", "0", "2")
    tour.submit()
    expect(tour.page.locator(".best")).to_be_visible()


@stop
def improving_the_best(tour: Tour) -> None:
    tour.page.locator(".best a.button").first.click()
    tour.page.wait_for_load_state("networkidle")
    tour.page.locator("#text").fill(tour.words["long"])


@stop
def keys_of_the_editor(tour: Tour) -> None:
    tour.press("Escape", "?")
    expect(tour.page.locator("#keys[open]")).to_be_visible()


@stop
def a_content_warning(tour: Tour) -> None:
    held = tour.demonstration()
    warn_of_content(prompt=held.prompt, warnings=[ContentWarning.VIOLENCE, ContentWarning.MEDICAL])
    tour.open(f"/work/{held.token}/")


@stop
def demonstration(tour: Tour) -> None:
    tour.open(f"/work/{tour.demonstration().token}/")
    tour.page.locator("#text").fill(f"# {tour.words['need']}\n\n{tour.words['answers'][3]}")
    if tour.page.locator("#preview").is_visible():
        expect(tour.page.locator("#preview h3")).to_be_visible()
    expect(tour.page.locator(SAVED)).to_be_visible()


@stop
def too_long(tour: Tour) -> None:
    tour.page.locator("#text").fill(tour.words["long"] * 50)
    expect(tour.page.locator(".over")).to_be_visible()


@stop
def offline(tour: Tour) -> None:
    tour.page.locator("#text").fill(tour.words["question"])
    expect(tour.page.locator(SAVED)).to_be_visible()
    tour.context.set_offline(offline=True)
    tour.page.locator("#text").fill(tour.words["need"])
    expect(tour.page.locator("[data-save-state][data-state=offline]")).to_be_visible()


@stop
def two_devices(tour: Tour) -> None:
    held = tour.alice.assignments.get(state=AssignmentState.OPEN)
    draft = {"text": [tour.words["question"]]}
    ASSIGNMENTS.save_draft(labeler=tour.alice, token=str(held.token), draft=draft, base_version=held.draft_version)
    tour.context.set_offline(offline=False)
    expect(tour.page.locator("[data-conflict]")).to_be_visible()


@stop
def earlier_versions(tour: Tour) -> None:
    tour.page.locator("[data-keep-mine]").click()
    expect(tour.page.locator(SAVED)).to_be_visible()
    tour.open(f"/drafts/{tour.alice.assignments.get(state=AssignmentState.OPEN).token}/")
    expect(tour.page.locator(".earlier-version").first).to_be_visible()


@stop
def logged_out_while_writing(tour: Tour) -> None:
    tour.open(f"/work/{tour.alice.assignments.get(state=AssignmentState.OPEN).token}/")
    cookies = tour.context.cookies()
    tour.context.clear_cookies(name="sessionid")
    tour.page.locator("#text").fill(tour.words["need"] * 2)
    expect(tour.page.locator("[data-save-state][data-state=loggedout]")).to_be_visible()
    tour.context.add_cookies([cookie for cookie in cookies if cookie["name"] == "sessionid"])  # type: ignore[misc]


@stop
def safety_token_gone(tour: Tour) -> None:
    tour.context.clear_cookies(name="csrftoken")
    tour.submit()


@stop
def demonstration_handed_in(tour: Tour) -> None:
    held = tour.alice.assignments.get(state=AssignmentState.OPEN)
    tour.open(f"/work/{held.token}/")
    tour.page.locator("#text").fill(tour.words["answers"][1])
    tour.submit()
    tour.open(f"/history/{held.token}/")


@stop
def ranking_handed_in(tour: Tour) -> None:
    tour.open(f"/history/{tour.alice.rankings.latest('id').assignment.token}/")


@stop
def revision(tour: Tour) -> None:
    tour.page.locator("form[action$='/revise/'] button").click()
    expect(tour.page.locator(".revising")).to_be_visible()
    tour.page.wait_for_load_state("networkidle")


@stop
def history(tour: Tour) -> None:
    tour.open("/history/")


@stop
def day(tour: Tour) -> None:
    tour.open("/day/")


@stop
def the_right_answer_of_gold(tour: Tour) -> None:
    tour.close_all()
    Campaign.objects.filter(pk=tour.campaign.pk).update(gold_feedback=True)
    task = make_ready_task(tour.prompt(), texts=tour.words["answers"])
    ids = list(task.completions.order_by("pk").values_list("pk", flat=True))
    answer = RightAnswer(
        ranks={pk: rank for rank, pk in enumerate(ids, start=1)},
        flags={ids[0]: [flag["key"] for flag in starter_flags()[:2]]},
        reason=tour.words["need"],
    )
    item = make_gold(task=task, answer=answer, by=None)
    copy = copy_task(task=task, labeler=tour.alice)
    Check.objects.create(labeler=tour.alice, task=copy, kind=CheckKind.GOLD, item=item)
    ranking = rank(tour.alice, [4, 3, 3, 1], strengths=[2, 2])
    measure_handed_in()
    tour.open(f"/history/{ranking.assignment.token}/answer/")
    expect(tour.page.locator(".verdict.missed")).to_be_visible()


@stop
def numbers_and_pay(tour: Tour) -> None:
    """A period that goes on, with a bonus that was given."""
    today = timezone.now().date()
    set_pay_terms(
        campaign=tour.campaign, by=None, begins_on=today, currency="CNY", per_hour=Decimal(90), per_ranking=Decimal(2)
    )
    period = open_period(first_day=today - timedelta(days=3), last_day=today + timedelta(days=3))
    enter(
        period=period, labeler=tour.alice, kind=PayEntryKind.GIVEN, amount=Decimal(20), currency="CNY",
        reason=tour.words["need"], by=None,
    )  # fmt: skip
    tour.open("/me/")


@stop
def where_others_disagreed(tour: Tour) -> None:
    tour.open("/me/others/")


@stop
def survey(tour: Tour) -> None:
    open_survey_round(name=tour.words["campaign"], by=None)
    tour.open("/survey/")
    tour.page.locator("form.preferences").evaluate("form => { form.noValidate = true; }")
    tour.page.locator("form.preferences button[type=submit]").click()
    expect(tour.page.locator(".form-error").first).to_be_visible()


@stop
def preferences(tour: Tour) -> None:
    tour.open("/preferences/")


@stop
def password(tour: Tour) -> None:
    tour.open("/password/")


@stop
def two_factor_log_in(tour: Tour) -> None:
    tour.open("/two-factor/")
    tour.page.locator("summary").last.click()


@stop
def where_one_is_logged_in(tour: Tour) -> None:
    tour.open("/sessions/")


@stop
def new_password(tour: Tour) -> None:
    """The page of a link that was used."""
    tour.open("/password/new/MQ/used-already/")


@stop
def instructions(tour: Tour) -> None:
    tour.open(f"/instructions/{tour.campaign.slug}/")


@stop
def way_in(tour: Tour) -> None:
    """Of Bob, who is screened; Alice is past it."""
    bob = make_candidate("bob").labeler
    screening = make_stage(CampaignStage.SCREENING, items=1, name=tour.words["campaign"], read=False)
    tour.prompt(campaign=screening, demonstrations_needed=1, ranking_tasks_needed=0)
    write(bob, tour.words["answers"][1])
    tour.as_somebody(bob.user)
    tour.open("/path/")
    expect(tour.page.locator("[aria-current=step]")).to_be_visible()


@stop
def what_one_can_judge(tour: Tour) -> None:
    tour.open("/path/about-you/")


@stop
def grading(tour: Tour) -> None:
    tour.as_somebody(tour.alice.user)
    make_roles()
    set_roles(user=tour.alice.user, roles=frozenset({Role.REVIEWER}))
    tour.open("/grading/")
    tour.page.keyboard.press("6")
    expect(tour.page.locator("[name=grade][value='6']")).to_be_checked()


@stop
def nothing_to_grade(tour: Tour) -> None:
    tour.page.keyboard.press("Control+Enter")
    expect(tour.page.locator(".notice")).to_be_visible()
    set_roles(user=tour.alice.user, roles=frozenset())


@stop
def dialogue(tour: Tour) -> None:
    tour.begin("dialogue")
    tour.page.locator("[name='1-text']").fill(tour.words["question"])
    tour.page.locator("#turn-2 [data-ask]").click()
    expect(tour.page.locator("#turn-2 [data-post=cancel]")).to_be_visible()


@stop
def suggestions(tour: Tour) -> None:
    tour.answer(*tour.words["answers"])
    expect(tour.page.locator("[data-suggestion]")).to_have_count(3)
    tour.page.locator("[data-use]").first.click()
    tour.page.locator("[data-add]").click()
    tour.page.locator("#turn-1 [data-remove]").click()
    expect(tour.page.locator("[data-undo-button]")).to_be_visible()


@stop
def keys_of_the_dialogue(tour: Tour) -> None:
    tour.page.locator("[data-undo-button]").click()
    tour.press("Escape", "?")
    expect(tour.page.locator("#keys[open]")).to_be_visible()


@stop
def dialogue_handed_in_too_early(tour: Tour) -> None:
    tour.press("Escape")
    tour.submit()
    expect(tour.page.locator("[role=alert]").first).to_be_visible()


@stop
def throwing_away(tour: Tour) -> None:
    tour.page.locator(".bar summary").click()


@stop
def dialogue_handed_in(tour: Tour) -> None:
    tour.press("Escape")
    tour.page.locator("#turn-3 [data-remove]").click()
    tour.submit()
    expect(tour.page.locator(".thread, .turns").first).to_be_visible()


@stop
def chat(tour: Tour) -> None:
    tour.begin("chat")
    tour.page.locator("#text").fill(tour.words["need"])
    tour.page.locator("#text").press("Control+Enter")
    tour.page.wait_for_load_state("networkidle")
    expect(tour.page.locator("[data-poll][data-state=waiting]")).to_be_visible()


@stop
def chat_answered(tour: Tour) -> None:
    tour.answer(tour.words["answers"][3])
    expect(tour.page.locator("[data-poll][data-state='']")).to_be_visible()


@stop
def chat_ended(tour: Tour) -> None:
    tour.submit()
    expect(tour.page.locator(".next-step")).to_be_visible()


@stop
def chat_ready_to_rank(tour: Tour) -> None:
    task = RankingTask.objects.get(reserved_for=tour.alice, copy_of=None)
    sample_tasks(
        task_ids=[task.pk], sources=one_source(tour.model, ScriptedSampler(*tour.words["answers"])), resample_limit=1
    )
    tour.page.reload()
    expect(tour.page.locator(".next-step [data-ready]")).to_be_visible()


@stop
def own_prompt(tour: Tour) -> None:
    tour.begin("own_prompt")
    tour.page.locator("#prompt-text").fill(tour.words["about"])


@stop
def own_prompt_with_pairs(tour: Tour) -> None:
    tour.page.locator("label:has([name=kind][value=few_shot])").click()
    tour.page.locator("[data-add-pair]").click()
    tour.page.locator("#instruction-text").fill(tour.words["question"])


@stop
def own_prompt_from_a_use_case(tour: Tour) -> None:
    tour.page.locator("label:has([name=kind][value=user_based])").click()
    expect(tour.page.locator("[data-statement-text]")).to_be_visible()


@stop
def own_prompt_refused(tour: Tour) -> None:
    tour.submit()
    expect(tour.page.locator("[role=alert]").first).to_be_visible()


@stop
def own_prompt_handed_in(tour: Tour) -> None:
    tour.page.locator("#use_case").select_option("brainstorming")
    tour.submit()
    expect(tour.page.locator(".said-text").first).to_be_visible()


@stop
def instructions_that_changed(tour: Tour) -> None:
    held = tour.demonstration()
    publish_instructions(campaign=tour.campaign, body={tour.interface: tour.words["changed"]})
    tour.close_all()
    held = tour.demonstration()
    tour.open(f"/work/{held.token}/")
    expect(tour.page.locator(".changes ins")).to_be_visible()
    have_read(tour.alice, tour.campaign)


@stop
def lease_ran_out(tour: Tour) -> None:
    held = tour.demonstration()
    draft = {"text": [tour.words["need"]]}
    ASSIGNMENTS.save_draft(labeler=tour.alice, token=str(held.token), draft=draft, base_version=0)
    Assignment.objects.filter(pk=held.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    release_expired_leases()
    tour.open(f"/work/{held.token}/")


@stop
def start_with_work_begun(tour: Tour) -> None:
    tour.prompt(demonstrations_needed=1)
    make_ready_task(tour.prompt(), texts=tour.words["answers"])
    tour.begin("dialogue")
    tour.open("/")


@stop
def returned_by_a_reviewer(tour: Tour) -> None:
    """And what is said about it, on its page, in the messages and on the start page."""
    tour.close_all()
    make_ready_task(tour.prompt(), texts=tour.words["answers"])
    ranking = rank(tour.alice, [1, 2, 2, 3], quality=5, note=tour.words["need"])
    review = request_review(label=ranking, reason=ReviewReason.RANDOM)
    assert review is not None
    return_to_labeler(token=str(review.token), reviewer=tour.rita(), seen=1, text=tour.words["about"])
    tour.open(f"/history/{ranking.assignment.token}/")
    expect(tour.page.locator(".returned")).to_be_visible()


@stop
def start_with_work_returned(tour: Tour) -> None:
    tour.open("/")
    expect(tour.page.locator(".returned-list")).to_be_visible()
    expect(tour.page.locator("[data-unread]")).to_be_visible()


@stop
def asking_from_any_page(tour: Tour) -> None:
    tour.press("Alt+m")
    expect(tour.page.locator("#message[open]")).to_be_visible()


@stop
def messages(tour: Tour) -> None:
    tour.press("Escape")
    tour.open("/messages/")


@stop
def messages_about_a_task(tour: Tour) -> None:
    tour.open(f"/messages/about/{tour.alice.assignments.exclude(returned_at=None).get().token}/")
    expect(tour.page.locator(".returned")).to_be_visible()


@stop
def the_reviewers_queue(tour: Tour) -> None:
    """Alice reviews as well; what others made waits for her."""
    tour.alice.user.user_permissions.add(Permission.objects.get(codename="review_work"))
    tour.close_all()
    others = [make_labeler(name) for name in ("li", "wang")]
    urgent = make_campaign(
        name=tour.words["campaign"],
        instructions={tour.interface: tour.words["instructions"]},
        flags=starter_flags(),
        rankings_per_task=2,
        demonstrations_per_prompt=0,
        priority=9,
    )
    prompt = make_prompt(urgent, text=tour.words["about"], language=tour.language)
    task = make_ready_task(prompt, texts=tour.words["answers"])
    first = rank(others[0], [1, 2, 3, 4], quality=6, note=tour.words["need"])
    rank(others[1], [4, 3, 2, 1], quality=2, none_acceptable=True)
    request_review(label=first, reason=ReviewReason.DOUBTFUL, note=tour.words["about"])
    request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
    tour.open("/review/")
    expect(tour.page.locator(".rows a")).to_have_count(2)


@stop
def a_ranking_under_review(tour: Tour) -> None:
    tour.open(f"/review/{Review.objects.get(state='waiting', task=None).token}/")
    expect(tour.page.locator(".side-by-side")).to_be_visible()


@stop
def why_return(tour: Tour) -> None:
    tour.press("r")
    expect(tour.page.locator(".return[open]")).to_be_visible()


@stop
def keys_of_reviewers(tour: Tour) -> None:
    tour.press("Escape", "?")
    expect(tour.page.locator("#keys[open]")).to_be_visible()


@stop
def a_ranking_fixed(tour: Tour) -> None:
    tour.press("Escape", "f")
    expect(tour.page.locator("form[data-review-draft] [data-card]")).to_have_count(4)
    tour.page.wait_for_load_state("networkidle")


@stop
def several_rankings_adjudicated(tour: Tour) -> None:
    tour.open(f"/review/{Review.objects.exclude(task=None).get().token}/")
    tour.press(*"12")
    expect(tour.page.locator("[data-draft-state]")).not_to_be_empty()


@stop
def own_writing_returned(tour: Tour) -> None:
    own = start_composition(labeler=tour.alice, campaign=tour.campaign, kind=CompositionKind.DIALOGUE)
    asked = f"{tour.words['campaign']}: {tour.words['need']}"
    said = [Turn(role="user", text=asked), Turn(role="assistant", text=tour.words["about"])]
    submit_dialogue(labeler=tour.alice, token=str(own.token), language=tour.language, turns=said, active_seconds=9)
    review = request_review_of_own(composition=own, reason=ReviewReason.RANDOM)
    assert review is not None
    return_to_labeler(token=str(review.token), reviewer=tour.rita(), seen=1, text=tour.words["need"])
    tour.open(f"/answers/{own.token}/")
    expect(tour.page.locator(".returned")).to_be_visible()


@stop
def skipped(tour: Tour) -> None:
    held = tour.demonstration()
    tour.close_all()
    tour.open(f"/work/{held.token}/")


@stop
def not_there(tour: Tour) -> None:
    tour.open("/nowhere/")


@stop
def playground(tour: Tour) -> None:
    for name in (tour.words["campaign"], tour.words["about"]):
        served(policy(name))
    tour.open("/playground/")
    expect(tour.page.locator("[data-asks]")).to_be_visible()


@stop
def playground_with_a_conversation(tour: Tour) -> None:
    tour.page.locator("[data-agrees=yes]").click()
    expect(tour.page.locator("[data-standing]")).to_be_visible()
    question, answers = tour.words["question"], tour.words["answers"]
    said = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answers[0], "model": tour.words["about"], "ended": "stopped"},
    ]
    state = {"sides": [said, said], "compare": True, "system": tour.words["need"], "draft": answers[1]}
    kept_here = "state => localStorage.setItem(`playground ${document.body.dataset.labeler}`, JSON.stringify(state))"
    tour.page.evaluate(kept_here, state)
    tour.page.reload()
    expect(tour.page.locator(".turn")).to_have_count(4)
    tour.page.locator("[data-edit]").first.click()
    expect(tour.page.locator("[data-editing]")).to_be_visible()


@stop
def what_is_kept(tour: Tour) -> None:
    version = ModelVersion.objects.get(name=tour.words["about"])
    for text in (tour.words["question"], tour.words["need"]):
        agrees(tour.alice.user, version)
        conversation = asks(tour.alice.user, text, answer=tour.words["answers"][1], version=version)
    withdraw(user=tour.alice.user, by=tour.alice.user, conversations=[conversation.pk])
    tour.open("/playground/kept/")
    expect(tour.page.locator(".kept-list")).to_have_count(2)


@stop
def campaign_closed(tour: Tour) -> None:
    held = tour.demonstration()
    draft = {"text": [tour.words["need"]]}
    ASSIGNMENTS.save_draft(labeler=tour.alice, token=str(held.token), draft=draft, base_version=0)
    close_campaign(campaign=tour.campaign)
    tour.open(f"/work/{held.token}/")


@stop
def suspended(tour: Tour) -> None:
    suspend_labeler(labeler=tour.alice)
    tour.open("/")
