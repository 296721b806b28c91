"""Labels that the reward model contradicts, in the admin: read, and given to somebody else as well."""

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labeling.models import Labeler, ModelVersion, PreferenceMargin
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking
from labeling.rewards.services.rewards import score_ahead
from tests.labeling.admin_cast import admin_browser, doubted, snapshot_in, texts_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model

pytestmark = pytest.mark.django_db

LIST = reverse("admin:labeling_preferencemargin_changelist")


def address_of(margin: PreferenceMargin, name: str = "change") -> str:
    return reverse(f"admin:labeling_preferencemargin_{name}", args=[margin.pk])


def test_the_page_shows_prompt_ranks_and_rewards() -> None:
    margin = doubted(make_labeler("alice"))
    text = admin_browser().get(address_of(margin)).text
    prompt = margin.ranking.task.prompt.last_user_text()
    for shown in (
        prompt,
        "alice",
        "dddd",
        "+4.00",
        "+1.00",
        "-1.67",
        "-3.00",
        "It is not known what this model was trained on",
    ):
        assert shown in text
    assert "-1.67" in admin_browser(name="otto").get(LIST).text


def test_it_is_said_whether_the_model_was_trained_on_the_ranking(tmp_path: Path, bob: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign(), submitter="submitter-0"), texts=["a", "bb", "ccc", "dddd"])
    rank(make_labeler("alice"), [1, 2, 3, 4])
    model = current_reward_model(snapshot=snapshot_in(tmp_path / "snapshot"))
    make_ready_task(make_prompt(make_campaign(), submitter="submitter-0"), texts=["a", "bb", "ccc", "dddd"])
    rank(bob, [1, 2, 3, 4])
    score_ahead(model=model, load=ScriptedRewarder, limit=100, somebody_waits=lambda: False)
    client = admin_browser()
    trained_on, not_trained_on = PreferenceMargin.objects.order_by("ranking")
    assert "The model was trained on this very ranking" in client.get(address_of(trained_on)).text
    assert "The model was not trained on this ranking" in client.get(address_of(not_trained_on)).text
    not_trained = client.get(LIST, {"trained_on__exact": "0"}).text
    assert "bob" in not_trained
    assert "alice" not in not_trained


def test_a_model_of_one_half_was_not_trained_on_the_rankings_of_the_other(tmp_path: Path) -> None:
    make_ready_task(make_prompt(make_campaign(), submitter="submitter-0"), texts=["a", "bb", "ccc", "dddd"])
    ranking = rank(make_labeler("alice"), [1, 2, 3, 4])
    snapshot = snapshot_in(tmp_path / "snapshot")
    even = int(ranking.task.prompt.opening.key[:16], 16) % 2 == 0  # as rm_trainer parts them
    for half in ("first", "second"):
        model = current_reward_model(snapshot=snapshot, half=half)
        score_ahead(model=model, load=ScriptedRewarder, limit=100, somebody_waits=lambda: False)
        assert PreferenceMargin.objects.get(model_version=model).trained_on == (even == (half == "first"))


def test_somebody_else_is_asked_to_rank_it_as_well() -> None:
    margin, client = doubted(make_labeler("alice")), admin_browser()
    assert "without a word of the first ranking" in client.get(address_of(margin, "ask_again")).text
    response = client.post(address_of(margin, "ask_again"), follow=True)
    task = margin.ranking.task
    assert texts_of(response) == [f"Ranking task {task.pk} waits for one more ranking."]
    task.refresh_from_db()
    assert (task.state, task.rankings_needed) == ("ready", 2)
    assert "another is on its way" in response.text
    assert address_of(margin, "ask_again") not in response.text
    assert "waits for a ranking already" in client.post(address_of(margin, "ask_again")).text


def test_several_are_asked_for_at_once_and_refusals_are_said(alice: Labeler) -> None:
    first = doubted(alice)
    task = make_ready_task(make_prompt(make_campaign()), texts=["a", "bb", "ccc", "dddd"])
    rank(alice, [1, 2, 3, 4])
    model = ModelVersion.objects.get(kind="reward", state="current")
    score_ahead(model=model, load=ScriptedRewarder, limit=100, somebody_waits=lambda: False)
    second = PreferenceMargin.objects.get(ranking__task=task)
    ask_for_another_ranking(task=first.ranking.task)
    ticked = {"action": "ask_again_ticked", "_selected_action": [first.pk, second.pk]}
    response = admin_browser().post(LIST, ticked, follow=True)
    assert sorted(texts_of(response)) == [
        "1 more ranking asked for.",
        f"Ranking task {first.ranking.task_id} waits for a ranking already; look at it when that has come.",
    ]


def test_who_may_only_look_asks_nobody() -> None:
    margin = doubted(make_labeler("alice"))
    client = admin_browser("labeling.view_preferencemargin")
    assert client.get(address_of(margin)).status_code == 200
    assert client.post(address_of(margin, "ask_again")).status_code == 403


def test_more_rows_ask_no_more_queries(alice: Labeler) -> None:
    client = admin_browser()
    doubted(alice)

    def queries() -> int:
        client.get(LIST)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(LIST).status_code == 200
        return len(asked)

    before = queries()
    for _ in range(3):
        make_ready_task(make_prompt(make_campaign()), texts=["a", "bb", "ccc", "dddd"])
        rank(alice, [1, 2, 3, 4])
    model = ModelVersion.objects.get(kind="reward", state="current")
    score_ahead(model=model, load=ScriptedRewarder, limit=100, somebody_waits=lambda: False)
    assert PreferenceMargin.objects.count() == 4
    assert queries() == before


def test_a_tasks_page_shows_the_rewards_and_which_is_best() -> None:
    task = doubted(make_labeler("alice")).ranking.task
    text = admin_browser().get(reverse("admin:labeling_rankingtask_change", args=[task.pk])).text
    assert text.count("Reward +") == 4
    assert text.count("cc-chip-success") == 1
