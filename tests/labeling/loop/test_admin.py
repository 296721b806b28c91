"""A loop through the admin: set up, let go on, watched as one picture and as CSV, paused, a step done again."""

import csv
import io
from pathlib import Path

import pytest
from django.urls import reverse

from labeling.base.states import TurnState
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Change, Loop, ModelVersion, Turn
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_labeler
from tests.labeling.evaluations.people_judge import asked_of, judge
from tests.labeling.loop.turning import beat, failed, ranked, two_turns

pytestmark = pytest.mark.django_db


def address(loop: Loop, name: str = "change") -> str:
    return reverse(f"admin:labeling_loop_{name}", args=[loop.pk])


def test_a_loop_is_set_up_let_go_on_and_paused(sft: ModelVersion) -> None:
    client, source, reward_model = admin_browser(), asked_of(3), default_reward_model()
    entered = {
        "reward_model": reward_model.pk, "source": source.pk, "min_new_rankings": 40, "reward_gate": "not_worse",
        "least_gain": "", "most_kl": "12.5", "split": "test", "held_out_only": "on", "margin": 0.05, "confidence": 0.9,
        "gain": 0.1, "mixture_share": 2, "pauses_after": ["policy"],
    }  # fmt: skip
    add = reverse("admin:labeling_loop_add")
    assert client.post(add, entered | {"confidence": 2}).status_code == 200  # the form says what is wrong
    assert "has to be better: say how much more" in client.post(add, entered | {"margin": 0, "gain": 0}).text
    client.post(add, entered)
    loop = Loop.objects.get()
    assert (loop.paused, loop.min_new_rankings, loop.most_kl, loop.least_gain) == (True, 40, 12.5, None)
    assert loop.pauses_after == ["policy"]
    page = client.get(address(loop)).text
    assert "No turn has begun" in page
    assert "Nobody has let it begin." in page
    assert "Each step begins by itself" in client.get(address(loop, "go_on")).text
    said = client.post(address(loop, "go_on"), follow=True)
    assert texts_of(said) == [f"The loop of “{reward_model}” goes on."]
    assert "new rankings of 40" in said.text
    client.post(address(loop), entered | {"min_new_rankings": 50})
    assert "new rankings of 50" in client.get(address(loop)).text
    client.post(address(loop, "pause"))
    loop.refresh_from_db()
    assert loop.paused
    assert "Somebody paused it." in client.get(reverse("admin:labeling_loop_changelist")).text
    assert Change.objects.filter(table_name="labeling_loop").count() >= 3  # who changed what can be found


def test_the_picture_and_its_csv_show_two_turns(loop: Loop, sft: ModelVersion, checkpoint: Path) -> None:
    two_turns(loop, checkpoint, labeler=make_labeler("alice"), judge=judge())
    client = admin_browser()
    page = client.get(address(loop)).text
    first, second = loop.turns.order_by("number")
    assert page.index("Turn 2") < page.index("Turn 1")
    for words in (
        "71.5% accuracy",
        "reward +0.12 → +0.86",
        "reward +0.44 → +0.97",
        "KL 3.10 nats",
        "100% preferred",
        "ahead",
    ):
        assert words in page
    for row in (first.training_run, first.policy_run, first.evaluation, first.policy_after, second.reward_after):
        assert row is not None
        assert reverse(f"admin:labeling_{row._meta.model_name}_change", args=[row.pk]) in page
    assert page.count('aria-current="step"') == 1
    sheet = client.get(address(loop), {"csv": "turns"})
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert [row["turn"] for row in rows] == ["2", "1"]
    assert rows[1]["policy_before"] == "sft"
    assert rows[1]["policy"] == rows[0]["policy_before"] == str(first.policy_after)
    assert (rows[1]["step"], rows[0]["step"]) == ("promoted", "evaluation")
    assert (rows[1]["reward_before"], rows[1]["reward"], rows[1]["kl"]) == ("0.12", "0.86", "3.1")
    assert float(rows[1]["low"]) >= 0.5
    assert (rows[0]["prompts"], rows[0]["win_rate"]) == ("5", "1.0")
    assert client.get(address(loop), {"csv": "other"}).status_code == 404
    chinese = client.get(address(loop), headers={"accept-language": "zh-hans"}).text
    assert "第 2 轮" in chinese
    assert "KL 3.10 奈特" in chinese


def test_a_step_that_failed_is_done_again_by_a_button(loop: Loop) -> None:
    client = admin_browser()
    assert texts_of(client.get(address(loop, "again"), follow=True)) == ["No turn can be taken up again."]
    ranked(loop, make_labeler())
    failed(beat(loop).training_run)
    beat(loop)
    page = client.get(address(loop), headers={"accept-language": "zh-hans"}).text
    assert "失败了：The disk is full." in page
    assert "The disk is full." in client.get(address(loop, "again")).text
    assert texts_of(client.post(address(loop, "again"), follow=True)) == ["Turn 1 goes on."]
    turn = Turn.objects.get()
    assert (turn.state, turn.reason) == (TurnState.REWARD_MODEL, "")
    assert turn.training_run is not None
    assert turn.training_run.state == "queued"
