"""Campaigns through the admin: made, described, opened and closed, told anew what labelers are told."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from labeling.base.refusals import CampaignRefused
from labeling.base.states import CampaignState
from labeling.campaigns.rules.rubric import MOST_FLAGS, RubricFlag
from labeling.campaigns.rules.use_cases import statements_in
from labeling.campaigns.services.campaigns import change_campaign, publish_rubric
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Assignment, Campaign, RankingTask
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import FLAGS, INSTRUCTIONS, make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db


def flag_rows(flags: Sequence[RubricFlag]) -> dict[str, str]:
    """What the fields of the flags send, in this order."""
    sent: dict[str, str] = {}
    for number, flag in enumerate(flags, start=1):
        sent |= {f"flags-{number}-order": str(number), f"flags-{number}-key": flag["key"]}
        sent |= {f"flags-{number}-label-{language}": text for language, text in flag["label"].items()}
        sent |= {f"flags-{number}-help-{language}": text for language, text in flag.get("help", {}).items()}
    return sent


FORM_DATA: dict[str, Any] = {
    "slug": "everyday",
    "name": "Everyday help",
    "description": "Short questions.",
    "languages": ["en", "zh"],
    "priority": "3",
    "demonstrations_per_prompt": "1",
    "ranking_tasks_per_prompt": "2",
    "rankings_per_task": "3",
    "stage": "work",
    "shared_percent": "10",
    "shared_rankings": "4",
    "gold_percent": "5",
    "repeat_percent": "1",
    "repeat_after_days": "30",
    "review_percent": "7",
    "review_first": "6",
    "review_below_percent": "40",
    "k_min": "4",
    "k_max": "6",
    "temperature": "0.8",
    "top_p": "0.95",
    "max_new_tokens": "128",
    "mixture": "3 current\n1 current T=0.5",
    "best_of_percent": "20",
    "best_of": "4",
    "ready_minutes": "5",
    "lease_minutes": "30",
    "suggestions_per_turn": "3",
    "use": "train_and_evaluate",
    "body_en": "# Be helpful",
    "body_zh_hans": "# 要有帮助",
    **flag_rows(FLAGS),
}
ADD = reverse("admin:labeling_campaign_add")


def address_of(campaign: Campaign, name: str) -> str:
    return reverse(f"admin:labeling_campaign_{name}", args=[campaign.pk])


def page(campaign: Campaign) -> str:
    return reverse("admin:labeling_campaign_change", args=[campaign.pk])


def test_a_new_campaign_is_a_draft_with_its_first_instructions_and_rubric() -> None:
    response = admin_browser().post(ADD, FORM_DATA)
    assert response.status_code == 302
    campaign = Campaign.objects.get()
    assert (campaign.slug, campaign.state, campaign.languages, campaign.k_max) == ("everyday", "draft", ["en", "zh"], 6)
    assert campaign.priority == 3
    assert campaign.instruction_versions.get().body == {"en": "# Be helpful", "zh-hans": "# 要有帮助"}
    assert campaign.rubric_versions.get().flag_keys() == ["fails_task", "hallucination"]


def test_the_form_begins_with_the_settings_and_the_field_s_own_rubric() -> None:
    form = admin_browser().get(ADD).text
    assert "inappropriate_for_assistant" in form


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"k_min": "7"}, "can’t be less than the fewest"),
        ({"k_max": "12"}, "less than or equal to 9"),
        ({"slug": "not a slug"}, "valid “slug”"),
        ({"body_en": " "}, "required"),
        ({"flags-2-label-en": ""}, "Flag 2 needs a key and an English label"),
        ({"flags-1-key": " "}, "Flag 1 needs a key and an English label"),
        ({"flags-2-key": "fails_task"}, "fails_task is used twice"),
    ],
)
def test_nonsense_comes_back_with_the_reason_and_nothing_is_made(change: dict[str, str], said: str) -> None:
    response = admin_browser().post(ADD, FORM_DATA | change)
    assert response.status_code == 200
    errors = [text for field in response.context["adminform"].form.errors.values() for text in field]
    assert said.replace("’", "'") in " ".join(errors).replace("’", "'")
    assert not Campaign.objects.exists()


def test_a_taken_slug_is_refused() -> None:
    make_campaign(slug="everyday")
    response = admin_browser().post(ADD, FORM_DATA)
    assert "already exists" in response.text


def test_settings_change_and_the_slug_never_does() -> None:
    campaign = make_campaign(slug="first")
    values = {name: value for name, value in FORM_DATA.items() if not name.startswith(("body_", "flags"))}
    response = admin_browser().post(page(campaign), values | {"slug": "second", "name": "New name"})
    assert response.status_code == 302
    campaign.refresh_from_db()
    assert (campaign.slug, campaign.name, campaign.lease_minutes) == ("first", "New name", 30)
    with pytest.raises(CampaignRefused, match="slug can't be changed"):
        change_campaign(campaign=campaign, slug="second")


def test_use_cases_are_edited_a_line_each_and_a_line_without_its_language_is_refused() -> None:
    campaign = make_campaign()
    values = {name: value for name, value in FORM_DATA.items() if not name.startswith(("body_", "flags"))}
    client = admin_browser()
    lines = "en: You plan a trip: by train.\r\n\r\nzh: 你在计划旅行。"
    assert client.post(page(campaign), values | {"use_case_statements": lines}).status_code == 302
    campaign.refresh_from_db()
    assert statements_in(campaign.use_case_statements, "en") == ["You plan a trip: by train."]
    assert statements_in(campaign.use_case_statements, "de") == ["You plan a trip: by train.", "你在计划旅行。"]
    assert "en: You plan a trip: by train." in client.get(page(campaign)).content.decode()
    refused = client.post(page(campaign), values | {"use_case_statements": "You plan a trip."})
    assert "Begin each line with a language" in refused.content.decode()


def test_a_campaign_is_paused_opened_and_closed_after_a_question() -> None:
    campaign = make_campaign()
    client = admin_browser()
    assert "No new work is handed out" in client.get(address_of(campaign, "pause")).text
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.ACTIVE  # looking does nothing
    for name, state in (("pause", "paused"), ("open", "active"), ("close", "closed")):
        response = client.post(address_of(campaign, name), {"held_work_hours": "0"}, follow=True)
        campaign.refresh_from_db()
        assert campaign.state == state
        assert campaign.name in texts_of(response)[0]
    assert LogEntry.objects.count() == 3


def test_closing_says_how_much_is_held_and_gives_it_back() -> None:
    campaign = make_campaign()
    make_ready_task(make_prompt(campaign))
    claim_ranking(labeler=make_labeler())
    client = admin_browser()
    assert "1 piece of work is held now" in client.get(address_of(campaign, "close")).text
    client.post(address_of(campaign, "close"), {"held_work_hours": "0"})
    assert Assignment.objects.get().state == "lapsed"
    assert RankingTask.objects.get().rankings_open == 0


def test_closing_leaves_the_hours_that_the_admin_states_to_finish_what_is_held() -> None:
    campaign = make_campaign()
    make_ready_task(make_prompt(campaign))
    claim_ranking(labeler=make_labeler())
    client = admin_browser()
    assert client.post(address_of(campaign, "close"), {"held_work_hours": ""}).status_code == 422
    client.post(address_of(campaign, "close"), {"held_work_hours": "3"})
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.CLOSED
    assert Assignment.objects.get().state == "open"
    assert "Takes held work until" in client.get(page(campaign)).text


def test_an_impossible_move_is_refused_in_words() -> None:
    campaign = make_campaign(state=CampaignState.CLOSED)
    response = admin_browser().post(address_of(campaign, "open"))
    assert response.status_code == 422
    assert "closed can&#x27;t become active" in response.text


def test_only_sensible_buttons_are_offered() -> None:
    text = admin_browser().get(page(make_campaign(state=CampaignState.PAUSED))).text
    assert "/open/" in text
    assert "/close/" in text
    assert "/pause/" not in text


def test_new_instructions_are_a_new_version_and_the_old_one_stays_readable() -> None:
    campaign = make_campaign()
    client = admin_browser()
    asked = client.get(address_of(campaign, "publish_instructions"))
    assert "Be helpful" in asked.text  # the last version to start from
    client.post(address_of(campaign, "publish_instructions"), {"body_en": "# Be **very** helpful", "body_zh_hans": ""})
    versions = list(campaign.instruction_versions.order_by("version"))
    assert [version.body for version in versions] == [INSTRUCTIONS, {"en": "# Be **very** helpful"}]
    old = client.get(reverse("admin:labeling_instructionversion_change", args=[versions[0].pk]))
    assert "<strong>alone</strong>" in old.text
    assert 'name="body' not in old.text


def test_a_new_rubric_is_a_new_version_and_a_broken_one_is_refused() -> None:
    campaign = make_campaign()
    client = admin_browser()
    form = client.get(address_of(campaign, "publish_rubric")).text
    assert 'name="flags-1-key"' in form
    assert 'value="fails_task"' in form
    assert "没有完成任务" in form
    assert "{&quot;" not in form
    broken = client.post(address_of(campaign, "publish_rubric"), {"flags-1-key": "kept"})
    assert broken.status_code == 422
    assert 'value="kept"' in broken.text
    turned = flag_rows(FLAGS) | {"flags-1-order": "9", "flags-3-order": "1.5"}
    client.post(address_of(campaign, "publish_rubric"), turned)
    assert campaign.rubric_versions.count() == 2
    latest = campaign.rubric_versions.order_by("-version")[0]
    assert latest.flags == [FLAGS[1], FLAGS[0]]
    assert "Fails the task" in client.get(reverse("admin:labeling_rubricversion_change", args=[latest.pk])).text


def test_a_rubric_with_more_flags_than_letters_is_refused_in_words() -> None:
    campaign, client = make_campaign(), admin_browser()
    flags: list[RubricFlag] = [{"key": f"flag_{n}", "label": {"en": f"Flag {n}"}} for n in range(MOST_FLAGS + 1)]
    said = f"The rubric has {MOST_FLAGS + 1} flags, and labelers have letters .* for {MOST_FLAGS}. Leave 1 out"
    with pytest.raises(CampaignRefused, match=said):
        publish_rubric(campaign=campaign, flags=flags)
    client.post(address_of(campaign, "publish_rubric"), flag_rows(flags[:MOST_FLAGS]))
    assert len(campaign.rubric_versions.latest("version").flags) == MOST_FLAGS


def test_each_flag_that_a_rubric_may_have_has_a_letter() -> None:
    """That it does nothing else is said by tests/static/base/keys.test.js."""
    script = (settings.BASE_DIR / "static/desk/ranking/shortcuts.js").read_text()
    letters = re.search(r'FLAG_LETTERS = \[\.\.\."(\w+)"\]', script)
    assert letters
    assert len(set(letters[1])) == len(letters[1]) == MOST_FLAGS


def test_the_list_shows_how_far_each_campaign_is() -> None:
    campaign = make_campaign(demonstrations_per_prompt=2, ranking_tasks_per_prompt=3, rankings_per_task=2)
    make_ready_task(make_prompt(campaign))
    row = admin_browser().get(reverse("admin:labeling_campaign_changelist")).context["cl"].result_list[0]
    # 3 tasks to come and 1 given, each to be ranked twice.
    assert (row.prompt_count, row.demonstrations_wanted, row.rankings_wanted, row.tasks_ready) == (1, 2, 8, 1)
