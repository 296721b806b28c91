"""Makes the pictures of docs/screens/ again, from the real pages in a real browser:

    make browser && .venv/bin/python -m pytest tests/e2e/screens.py

Each function is one picture, named after it.
"""

import random
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from labeling.base.states import ContentWarning
from labeling.campaigns.services.prompts import warn_of_content
from labeling.desk.services.assignments import ASSIGNMENTS
from labeling.evaluations.services.planning import plan_evaluation
from labeling.evaluations.services.running import decide, start_evaluation
from labeling.loop.services.steering import create_loop, let_go_on
from labeling.model_versions.services.promotion import promote
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Campaign, Labeler, ModelVersion, Prompt, RankingTask, SuggestionRequest
from labeling.simulation.rules.behaviours import Behaviour
from labeling.simulation.rules.preferences import rule_named
from labeling.simulation.services import cast_of, rank_next
from labeling.writing.suggestions.services import answer_request
from tests.labeling.cast import PASSWORD, have_read, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.evaluations.people_judge import Speaker, judge, ranked_by, sampled
from tests.labeling.handed_in import in_split
from tests.labeling.loop.turning import two_turns
from tests.labeling.models_in_use import registered
from tests.labeling.scripted_sampler import ScriptedSampler
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("screen_texts.toml").read_text(encoding="utf-8"))
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screens"
DESK, PHONE = (1440, 900), (360, 740)


@dataclass
class Studio:
    """One labeler's browser windows, and the campaign that they work in."""

    browser: Browser
    url: str
    alice: Labeler
    campaign: Campaign

    def window(
        self, *, size: tuple[int, int] = DESK, theme: Any = "light", language: str = "en-GB", new: bool = False
    ) -> Page:
        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            locale=language,
            has_touch=size == PHONE,
            timezone_id="Asia/Shanghai" if language.startswith("zh") else "Europe/London",
            reduced_motion="reduce",
        )
        page = context.new_page()
        if not new:
            have_read(self.alice, self.campaign)
        page.goto("/login/")
        page.locator("[name=username]").fill("alice")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("form.panel [type=submit]").click()
        return page

    def prompt(self, name: str, **fields: Any) -> Prompt:
        return make_prompt(self.campaign, messages=TEXTS[name]["messages"], language=TEXTS[name]["language"], **fields)

    def task(self, name: str) -> RankingTask:
        return make_ready_task(self.prompt(name), texts=TEXTS[name]["answers"])

    def ranking(self, name: str, **window: Any) -> Page:
        self.task(name)
        page = self.window(**window)
        page.locator("form[action='/next/ranking/'] button").click()
        expect(page.locator("[data-card]").first).to_be_visible()
        page.wait_for_load_state("networkidle")  # the keys are live
        return page


@pytest.fixture
def studio(browser: Browser, live_server: LiveServer) -> Iterator[Studio]:
    random.seed(7)  # the order in which completions are shown, so that a picture changes only with the page
    alice = make_labeler("alice")
    campaign = make_campaign(
        read=False,
        name="Helpful answers",
        description="Everyday questions, in English and Chinese.",
        instructions=TEXTS["instructions"],
    )
    campaign.ask_dialogues = campaign.ask_chats = campaign.ask_own_prompts = True
    campaign.save()
    yield Studio(browser=browser, url=live_server.url, alice=alice, campaign=campaign)
    for context in browser.contexts:
        context.close()


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> Callable[..., None]:
    def take(page: Page, name: str = "") -> None:
        page.wait_for_load_state("networkidle")
        name = name or request.node.name.removeprefix("test_").replace("_", "-")
        FOLDER.mkdir(exist_ok=True)
        page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")

    return take


Keep = Callable[..., None]


def press(page: Page, keys: str) -> None:
    for key in keys.split():
        page.keyboard.press(key)


def test_start(studio: Studio, keep: Keep) -> None:
    studio.task("sky")
    studio.prompt("tea", demonstrations_needed=1)
    keep(studio.window())


def test_empty(studio: Studio, keep: Keep) -> None:
    page = studio.window()
    page.goto("/next/ranking/")
    keep(page)


def test_ranking_4(studio: Studio, keep: Keep) -> None:
    keep(studio.ranking("sky"))


def test_ranking_7(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("email")
    press(page, "7 3 1 6 2 4 6")
    page.evaluate("scrollTo(0, 0)")
    keep(page)


def test_ranking_9_long(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("code")
    press(page, "7 3 6 1")
    keep(page)


def test_ranking_chinese(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("tea", language="zh-CN")
    press(page, "7 2 3")
    keep(page)


def test_ranking_dark(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("email", theme="dark")
    press(page, "7 3 1 6 2")
    keep(page)


def test_ranking_phone(studio: Studio, keep: Keep) -> None:
    keep(studio.ranking("sky", size=PHONE))


def test_error(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("sky")
    press(page, "7 3")
    page.locator(".bar button[type=submit]").first.click()
    page.locator("[data-problems]").wait_for()
    keep(page)


def test_offline(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("sky")

    def unreachable(route: Route) -> None:
        route.abort("internetdisconnected")

    page.route("**/*", unreachable)
    press(page, "7 3 2")
    expect(page.locator("[data-save-text]")).to_contain_text("No connection")
    keep(page)


def test_demonstration(studio: Studio, keep: Keep) -> None:
    studio.prompt("email", demonstrations_needed=1)
    page = studio.window()
    page.locator("form[action='/next/demonstration/'] button").click()
    page.locator("form[data-autosave] textarea[name=text]").fill(TEXTS["email"]["answers"][0])
    keep(page)


def test_instructions_first(studio: Studio, keep: Keep) -> None:
    studio.task("sky")
    page = studio.window(new=True)
    page.locator("form[action='/next/ranking/'] button").click()
    expect(page.locator(".read-first")).to_be_visible()
    keep(page)


def test_instructions_beside(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("email")
    press(page, "7 i")
    expect(page.locator("dialog[open]")).to_be_visible()
    keep(page)


def test_ranking_compare(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("email")
    press(page, "7 c")
    keep(page)


def test_ranking_duel(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("sky")
    press(page, "d")
    keep(page)


def test_ranking_keys(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("sky")
    press(page, "?")
    keep(page)


def test_day(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("sky")
    press(page, "7 3 2 6 Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("saved")
    page.goto("/day/")
    keep(page)


def test_preferences(studio: Studio, keep: Keep) -> None:
    page = studio.window()
    page.goto("/preferences/")
    keep(page)


def test_dialogue(studio: Studio, keep: Keep) -> None:
    page = studio.window()
    page.get_by_role("button", name="Write a dialogue").click()
    areas = page.locator("[data-turns] textarea")
    for turn, message in enumerate(TEXTS["email"]["messages"][1:3]):
        areas.nth(turn).fill(message["content"])
    keep(page)


def test_history(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("sky")
    press(page, "7 3 2 6 Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("saved")
    page.goto("/history/")
    page.locator("a[href^='/history/']").last.click()
    keep(page)


def test_loading(studio: Studio, keep: Keep) -> None:
    """Suggestions that are on their way; nobody samples here, so that none arrives."""
    keep(begin_dialogue(studio))


def begin_dialogue(studio: Studio, **window: Any) -> Page:
    """Somebody waits for suggestions."""
    ModelVersion.objects.create(kind="sft", name="model", path="somewhere", state="current")
    page = studio.window(**window)
    page.locator("form[action$='/dialogue/'] button").click()
    page.locator("[data-turns] textarea").first.fill(TEXTS["email"]["messages"][1]["content"])
    page.wait_for_load_state("networkidle")
    page.locator("#turn-2 [data-ask]").click()
    expect(page.locator("[data-post=cancel]")).to_be_visible()
    return page


def answer(*texts: str) -> None:
    waiting = SuggestionRequest.objects.get(state="waiting")
    answer_request(request_id=waiting.pk, model=ModelVersion.objects.get(), sampler=ScriptedSampler(*texts))


@pytest.mark.parametrize(
    ("name", "size", "theme"), [("suggestions", DESK, "light"), ("suggestions-phone", PHONE, "dark")]
)
def test_suggestions(studio: Studio, keep: Keep, name: str, size: tuple[int, int], theme: str) -> None:
    page = begin_dialogue(studio, size=size, theme=theme)
    answer(*TEXTS["email"]["answers"][1:4])
    expect(page.locator("[data-suggestion]")).to_have_count(3)
    page.locator("[data-use]").first.click()
    keep(page, name)


def test_chat(studio: Studio, keep: Keep) -> None:
    ModelVersion.objects.create(kind="sft", name="model", path="somewhere", state="current")
    page = studio.window()
    page.locator("form[action$='/chat/'] button").click()
    page.wait_for_load_state("networkidle")
    page.locator("#text").fill(TEXTS["sky"]["messages"][0]["content"])
    page.locator("#text").press("Control+Enter")
    expect(page.locator("[data-poll][data-state=waiting]")).to_be_visible()
    answer(TEXTS["sky"]["answers"][0])
    expect(page.locator("[data-poll][data-state='']")).to_be_visible()
    keep(page)


def test_two_devices(studio: Studio, keep: Keep) -> None:
    studio.prompt("email", demonstrations_needed=1)
    page = studio.window()
    page.locator("form[action='/next/demonstration/'] button").click()
    page.wait_for_load_state("networkidle")
    held = studio.alice.assignments.get()
    there, here = TEXTS["email"]["answers"][:2]
    ASSIGNMENTS.save_draft(labeler=studio.alice, token=str(held.token), draft={"text": [there]}, base_version=0)
    page.locator("#text").fill(here)
    expect(page.locator("[data-conflict]")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    keep(page)


def test_content_warning(studio: Studio, keep: Keep) -> None:
    warn_of_content(prompt=studio.prompt("email", demonstrations_needed=1), warnings=[ContentWarning.OTHER_SENSITIVE])
    page = studio.window()
    page.locator("form[action='/next/demonstration/'] button").click()
    keep(page)


def test_own_prompt(studio: Studio, keep: Keep) -> None:
    page = studio.window()
    page.get_by_role("button", name="Write your own prompt").click()
    page.locator("textarea").first.fill(TEXTS["code"]["messages"][0]["content"])
    keep(page)


def test_improving_the_best(studio: Studio, keep: Keep) -> None:
    studio.campaign.ask_edit = True
    studio.campaign.save()
    page = studio.ranking("sky")
    press(page, "7 3 2 6 Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Improve")
    keep(page)


def test_revision(studio: Studio, keep: Keep) -> None:
    page = studio.ranking("email")
    press(page, "7 3 2 6 5 4 3 Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("saved")
    page.goto("/history/")
    page.locator("a[href^='/history/']").last.click()
    page.get_by_role("button", name="Revise").click()
    expect(page.locator("[data-card]").first).to_be_visible()
    keep(page)


def test_start_phone_dark(studio: Studio, keep: Keep) -> None:
    studio.task("sky")
    studio.prompt("tea", demonstrations_needed=1)
    keep(studio.window(size=PHONE, theme="dark"))


def test_admin(studio: Studio, keep: Keep) -> None:
    for name in ("sky", "email", "code", "tea"):
        studio.task(name)
    (simulated,) = cast_of(count=1, usual=Behaviour(noise=0.1), seed=1)
    simulation = make_campaign(simulated=True, name="Everyday (simulated)")
    for number in range(3):
        make_ready_task(make_prompt(simulation, submitter=f"s{number}"))
        rank_next(who=simulated, score=rule_named("shorter"))
    page = admin_window(studio)
    page.goto("/admin/")
    keep(page)


def admin_window(studio: Studio, **window: Any) -> Page:
    User.objects.create_superuser(username="olga", password=PASSWORD)
    page = studio.window(**window)
    page.context.clear_cookies()
    page.goto("/admin/login/")
    page.locator("[name=username]").fill("olga")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form button[type=submit]").last.click()
    page.wait_for_load_state()
    return page


def test_loop(studio: Studio, keep: Keep, settings: Any, tmp_path: Path) -> None:
    """Two turns: a policy that people preferred, and one that they are judging."""
    settings.POLICY_PRESET, settings.SFT_BASE_MODEL_PATH, settings.VAR_DIR = "tiny", "", tmp_path
    checkpoint = make_tiny_model(tmp_path / "tiny")
    promote(version=registered(make_tiny_model(tmp_path / "sft-1")), reason="The first one.")
    for number in range(24):
        make_prompt(studio.campaign, submitter=in_split("test")[0], language="zh" if number % 2 else "en")
    loop = create_loop(
        reward_model=default_reward_model(), source=studio.campaign, min_new_rankings=12, gain=0.3, most_kl=10.0
    )
    let_go_on(loop=loop)
    two_turns(loop, checkpoint, labeler=make_labeler("bob"), judge=judge())
    page = admin_window(studio, size=(1440, 1040))
    page.goto(f"/admin/labeling/loop/{loop.pk}/change/")
    keep(page)


def test_evaluation(studio: Studio, keep: Keep, tmp_path: Path) -> None:
    """Three models, of which one was preferred: how often, how surely, and on which prompts."""
    uses = ("generation", "open_qa", "brainstorming", "rewrite")
    for number in range(60):
        make_prompt(
            studio.campaign,
            submitter=in_split("test")[0],
            language="en" if number % 3 else "zh",
            use_case=uses[number % 4],
        )
    old, new, third = (registered(make_tiny_model(tmp_path / name)) for name in ("sft-3", "ppo-7", "dpo-2"))
    promote(version=old, reason="The first one.")
    planned = plan_evaluation(
        name="PPO 7 against SFT 3", source=studio.campaign, candidate=new, baseline=old, others=[third], gain=0.2
    )
    evaluation = start_evaluation(evaluation=planned)
    sampled(evaluation, **{"ppo-7": Speaker("New"), "sft-3": Speaker("Old"), "dpo-2": Speaker("Third")})
    chance, usual = random.Random(3), {"New": 5.0, "Old": 4.0, "Third": 4.5}

    def liking(text: str) -> float:
        return float(round(usual[text.split(maxsplit=1)[0]] + chance.gauss(0, 0.8)))

    ranked_by(judge(), evaluation, liking, rated=True)
    decide(evaluation)
    page = admin_window(studio, size=(1440, 1400))
    page.goto(f"/admin/labeling/evaluation/{evaluation.pk}/change/")
    keep(page)
