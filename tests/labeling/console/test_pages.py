"""Every page of the admin opens for those who may see it, with no more queries where there are more rows."""

import inspect
import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.contrib.admin.views.main import ChangeList
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin
from labeling.models import (
    AdjudicatedCompletion,
    Campaign,
    Completion,
    CompletionAgreement,
    Consent,
    DailyWork,
    GoldVersion,
    Grade,
    IdempotentRequest,
    InstructionAcknowledgement,
    KeptFigure,
    Message,
    ModelCheck,
    OwnPromptExample,
    PayTerms,
    PolicyLook,
    PolicyPoint,
    Promotion,
    PromptOpening,
    QueueProgress,
    RankedCompletion,
    Ranking,
    RenderedCompletion,
    ReviewProgress,
    RewardScore,
    SamplerReport,
    SamplingRun,
    ScreeningDecision,
    SelfAssessment,
    ServedTurn,
    ServerReport,
    SnapshotRequest,
    StageSettings,
    Suggestion,
    SurveyAnswer,
    SurveyParticipation,
    ThreadMessage,
    TrainingPoint,
    Turn,
    UnfinishedAttempt,
    WorkerSign,
    WorkingTime,
    WorkQueue,
)
from tests.labeling.admin_cast import (
    admin_browser,
    asked_for_rewards,
    furnish,
    open_campaign,
    reviewed,
)
from tests.labeling.cast import browser_of, make_labeler

pytestmark = pytest.mark.django_db

admin.autodiscover()
NOUNS = [
    model
    for model, site in admin.site._registry.items()
    if isinstance(site, BaseAdmin) and model._meta.app_label == "labeling"
]
# These have no page of their own: they are shown where they belong.
SHOWN_ELSEWHERE = {
    AdjudicatedCompletion,
    Completion,
    CompletionAgreement,
    Consent,
    GoldVersion,
    Grade,
    Message,
    ModelCheck,
    OwnPromptExample,
    PayTerms,
    PolicyLook,
    PolicyPoint,
    Promotion,
    RankedCompletion,
    RewardScore,
    SamplingRun,
    ScreeningDecision,
    SelfAssessment,
    ServedTurn,
    SnapshotRequest,
    StageSettings,
    Suggestion,
    SurveyAnswer,
    ThreadMessage,
    TrainingPoint,
    Turn,
}
# Nobody looks at these: they serve the desk.
SHOWN_NOWHERE = {
    IdempotentRequest, InstructionAcknowledgement, PromptOpening, QueueProgress, RenderedCompletion, ReviewProgress,
    SurveyParticipation, UnfinishedAttempt, WorkingTime, WorkQueue,
    DailyWork, KeptFigure, SamplerReport, ServerReport, WorkerSign,
}  # fmt: skip


def list_of(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: models.Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_every_noun_has_its_page_or_is_shown_on_another() -> None:
    assert set(apps.get_app_config("labeling").get_models()) == set(NOUNS) | SHOWN_ELSEWHERE | SHOWN_NOWHERE


@pytest.mark.slow
def test_list_rows_search_and_filters_open_and_nothing_is_deleted(everything: Campaign) -> None:
    client = admin_browser()
    assert {model.__name__: found for model in NOUNS if (found := faults_of(client, model))} == {}


def faults_of(client: Client, model: Any) -> list[str]:
    """What is wrong with the list of the noun, with the pages of its rows, and with what refuses to delete one."""
    rows = one_of_each_kind(model)
    if not rows:
        return ["there is none: `everything` makes no row of it"]
    found = []
    for row in rows:
        page = client.get(page_of(row))
        if page.status_code != 200:
            found.append(f"{page_of(row)} answers {page.status_code}")
        elif "&#x27;, &#x27;" in page.text:
            found.append(f"{page_of(row)} shows a (value, word) pair as it is")
    response = client.get(list_of(model))
    if response.status_code != 200:
        found.append(f"the list answers {response.status_code}")
    for query in ({"q": "alice"}, every_filter_of(response.context["cl"])):
        status = client.get(list_of(model), query).status_code
        if status != 200:
            found.append(f"the list answers {status} to {query}")
    address = reverse(f"admin:labeling_{model._meta.model_name}_delete", args=[rows[0].pk])
    if client.post(address, {"post": "yes"}).status_code != 403 or not model.objects.filter(pk=rows[0].pk).exists():
        found.append("a row can be deleted")
    return found


def one_of_each_kind(model: Any) -> list[models.Model]:
    """Rows that differ in what was chosen for them, as their state, or in what they leave empty."""
    return list({kind_of(row): row for row in model.objects.order_by("-pk")}.values())


def kind_of(row: models.Model) -> tuple[Any, ...]:
    fields = [field for field in row._meta.concrete_fields if field.choices or field.null]
    values = [(field, getattr(row, field.attname)) for field in fields]
    return tuple(value if field.choices else value is None for field, value in values)


def every_filter_of(changes: ChangeList) -> dict[str, str]:
    """All filters at once, each with the first that may be chosen."""
    return {
        str(name): str(next(iter(getattr(spec, "lookup_choices", [])), ["1"])[0])
        for spec in changes.filter_specs
        for name in spec.expected_parameters()
    }


def test_rows_that_are_not_there_are_not_found() -> None:
    client = admin_browser()
    for model in NOUNS:
        assert client.get(reverse(f"admin:labeling_{model._meta.model_name}_change", args=["987654"])).status_code in (
            302,
            404,
        )
        assert client.get(reverse(f"admin:labeling_{model._meta.model_name}_change", args=["x"])).status_code in (
            302,
            404,
        )


@pytest.mark.slow
def test_lists_and_the_front_page_ask_no_query_per_row(everything: Campaign) -> None:
    client = admin_browser()
    addresses = [reverse("admin:index"), *(list_of(model) for model in NOUNS)]
    client.get(addresses[0])  # content types are kept from the first request on
    before = {address: queries_of(client, address) for address in addresses}
    furnish(everything, labelers=["dora", "emil", "fay"])
    reviewed(open_campaign(), by="rolf")
    asked_for_rewards("paul")
    assert {address: queries_of(client, address) for address in addresses} == before
    assert before[reverse("admin:index")] <= 59


def test_a_labeler_does_not_get_in() -> None:
    client = browser_of(make_labeler("mona"))
    for address in (reverse("admin:index"), *(list_of(model) for model in NOUNS)):
        response = client.get(address)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("admin:login"))


def test_staff_see_what_they_may_see_and_no_more(everything: Campaign) -> None:
    client = admin_browser("labeling.view_prompt")
    front = client.get(reverse("admin:index"))
    assert front.status_code == 200
    assert "cc-pipeline" not in front.text
    assert client.get(reverse("admin:labeling_prompt_changelist")).status_code == 200
    assert client.get(reverse("admin:labeling_ranking_changelist")).status_code == 403


def test_those_who_only_look_find_no_buttons_and_are_refused(everything: Campaign) -> None:
    client = admin_browser("labeling.view_campaign", "labeling.view_trainingrun", "labeling.view_prompt")
    page = client.get(page_of(everything))
    assert page.status_code == 200
    assert "import_prompts" not in page.text
    for button in ("pause", "close", "import_prompts", "publish_rubric"):
        assert client.post(reverse(f"admin:labeling_campaign_{button}", args=[everything.pk])).status_code == 403
    assert client.post(reverse("admin:labeling_trainingrun_retrain_now")).status_code == 403
    assert client.post(reverse("admin:labeling_prompt_set_aside_many") + "?ids=1", {"reason": "x"}).status_code == 403


def test_pages_load_nothing_from_elsewhere(everything: Campaign) -> None:
    client = admin_browser()
    for address in (reverse("admin:index"), page_of(everything), list_of(Campaign)):
        response = client.get(address)
        assert "'unsafe-eval'" in response["Content-Security-Policy"]
        assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', response.text)
        assert response.text.count("<main ") == response.text.count("</main>") == 1  # where screen readers begin
        assert [
            each for each in re.findall(r'<svg[^>]*role="img"[^>]*>', response.text) if "aria-label" not in each
        ] == []


def test_the_admin_speaks_chinese(everything: Campaign) -> None:
    client = admin_browser()
    page = client.get(reverse("admin:index"), headers={"accept-language": "zh-hans"})
    assert "概览" in page.text
    assert "Overview" not in page.text
    prompts = client.get(reverse("admin:labeling_prompt_changelist"), headers={"accept-language": "zh-hans"})
    assert "用途" in prompts.text


def test_what_rows_are_called_is_read_in_the_admin_s_language() -> None:
    """It stands in titles, links and confirmations."""
    in_english = {
        noun.__name__: re.findall(r"[A-Za-z]{2,}", re.sub(r"\{[^}]*\}", "", written))
        for noun in NOUNS
        for written in re.findall(r'f"([^"]*)"', inspect.getsource(noun.__str__))
    }
    assert {name: words for name, words in in_english.items() if words} == {}


def test_fields_and_values_on_record_are_named_in_the_admin_s_language(everything: Campaign) -> None:
    with translation.override("zh-hans"):
        in_english = {
            f"{noun.__name__}.{field.name}"
            for noun, site in admin.site._registry.items()
            if isinstance(site, RecordAdmin)
            for field in noun._meta.fields
            if field.name in flatten(site.fields or ()) and not hasattr(site, field.name)
            if re.fullmatch(r"[ -~]+", gettext(str(field.verbose_name)))
        }
    assert in_english - {"PolicyRun.kl", "RankingTask.k", "SuggestionRequest.top_p", "Snapshot.sha256"} == set()
    rankings = admin_browser().get(list_of(Ranking), headers={"accept-language": "zh-hans"}).text
    assert re.findall(r">\s*(?:training|held_out)\s*<", rankings) == []


def test_what_a_page_shows_beside_its_form_is_named_in_the_admin_s_language(everything: Campaign) -> None:
    olga, in_english = admin_browser(), set()
    for noun in NOUNS:
        for row in one_of_each_kind(noun):
            page = olga.get(page_of(row), headers={"accept-language": "zh-hans"}).text
            labels = re.findall(r"<(?:dt|label)\b[^>]*>\s*([^<]+?)\s*</(?:dt|label)>", page)
            in_english |= {
                (noun.__name__, label) for label in labels if re.fullmatch(r"[ -~]*[A-Za-z]{3}[ -~]*", label)
            }
    assert in_english == set()


def test_a_form_that_is_refused_names_each_field_in_the_admin_s_language_and_leads_to_it(everything: Campaign) -> None:
    refused = admin_browser().post(
        reverse("admin:labeling_harvestrule_add"), {"share": "7"}, headers={"accept-language": "zh-hans"}
    )
    assert re.findall(r'<a class="underline" href="#(\w+)">([^<]+)</a>', refused.text) == [
        ("id_campaign", "项目"), ("id_share", "比例"), ("id_personal_data", "个人信息"),
    ]  # fmt: skip


def test_yes_and_no_and_names_of_changed_fields_are_words_of_the_admin_s_language(everything: Campaign) -> None:
    olga, chinese = admin_browser(), {"accept-language": "zh-hans"}
    for noun in ("policyrecipe", "rewardmodel"):
        page = olga.get(reverse(f"admin:labeling_{noun}_changelist"), headers=chinese).text
        assert re.findall(r">\s*(?:True|False)\s*<", page) == []
    changes = olga.get(reverse("admin:labeling_change_changelist"), headers=chinese).text
    named = re.findall(r'<span class="cc-change"><b>([^<]+)</b>', changes)
    assert {"state", "name", "kind"} & set(named) == set()
    assert {"状态", "名称"} & set(named) != set()
