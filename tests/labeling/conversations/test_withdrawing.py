"""What is taken back: what was not exported goes, what was is said with the models that saw it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from labeling.base.refusals import ExclusionRefused, NotSetAside
from labeling.base.states import ModelKind
from labeling.conversations.services.withdrawing import withdraw
from labeling.exports.services.exclusions import take_in
from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import (
    Completion,
    Exclusion,
    Labeler,
    ModelVersion,
    Prompt,
    ServedConversation,
    Snapshot,
    Submitter,
    Withdrawal,
)
from labeling.ranking_tasks.services.setting_aside import restore_prompt
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.conversations.talks import harvest, kept, takes
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def texts_in(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*.jsonl"))


def snapshot_in(folder: Path, kinds: Sequence[str] = ("rankings",)) -> Snapshot:
    return register_snapshot(manifest=write_snapshot(folder, kinds=kinds), path=folder, made_by="a test")


def a_prompt_of(labeler: Labeler, campaign: Any, text: str) -> Prompt:
    conversation = kept(labeler.user, text)
    assert harvest() == 1
    conversation.refresh_from_db()
    assert conversation.prompt is not None
    return conversation.prompt


def test_what_nobody_worked_on_is_deleted_with_its_tasks(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign(languages=["en"])
    takes(campaign)
    prompt = a_prompt_of(bob, campaign, "Why is the sky blue in the morning and red at night?")
    make_ready_task(prompt)
    kept(bob.user, "What else is there to say about the weather today?")
    kept(alice.user, "This is somebody else's conversation about cooking rice.")
    done = withdraw(user=bob.user, by=bob.user)
    assert (done.conversations, done.prompts_deleted, done.prompts_left_out) == (2, 1, [])
    assert (done.snapshots, done.models_that_saw) == ([], [])
    assert not Prompt.objects.exists()
    assert not Completion.objects.exists()
    assert not Submitter.objects.exists()
    assert [each.user for each in ServedConversation.objects.all()] == [alice.user]


def test_a_policy_that_was_trained_on_a_prompt_without_labels_is_named(bob: Labeler, tmp_path: Path) -> None:
    campaign = make_campaign(languages=["en"])
    takes(campaign)
    a_prompt_of(bob, campaign, "Why is the sky blue in the morning and red at night?")
    snapshot = snapshot_in(tmp_path / "before", kinds=("prompts",))
    ModelVersion.objects.create(name="ppo-1", path="/ppo-1", kind=ModelKind.SFT, snapshot=snapshot)
    done = withdraw(user=bob.user, by=bob.user)
    assert (done.prompts_deleted, done.snapshots, done.models_that_saw) == (1, [snapshot.pk], ["ppo-1"])


def test_what_was_exported_is_named_with_the_models_that_saw_it(alice: Labeler, bob: Labeler, tmp_path: Path) -> None:
    campaign = make_campaign(languages=["en"])
    takes(campaign)
    text = "Why is the sky blue in the morning and red at night?"
    prompt = a_prompt_of(bob, campaign, text)
    make_ready_task(prompt)
    rank(alice, [1, 2, 3, 4])
    make_ready_task(make_prompt(campaign, text="Somebody else's question, which stays in training."))
    rank(alice, [1, 2, 3, 4])
    snapshot = snapshot_in(tmp_path / "before")
    reward = {"kind": ModelKind.REWARD, "reward_model": default_reward_model(), "state": "candidate"}
    saw = ModelVersion.objects.create(name="rm-1", path="/rm-1", snapshot=snapshot, **reward)
    ModelVersion.objects.create(name="policy-9", path="/policy-9", kind=ModelKind.SFT, parent=saw)
    ModelVersion.objects.create(name="rm-0", path="/rm-0", **reward)
    assert text in texts_in(tmp_path / "before")

    done = withdraw(user=bob.user, by=bob.user)
    assert (done.prompts_deleted, done.prompts_left_out, done.snapshots) == (0, [prompt.pk], [snapshot.pk])
    assert done.models_that_saw == ["rm-1", "policy-9"]
    assert not ServedConversation.objects.exists()
    prompt.refresh_from_db()
    assert prompt.set_aside_reason == "Withdrawn by whoever wrote it."

    snapshot_in(tmp_path / "after")
    assert text not in texts_in(tmp_path / "after")
    assert "stays in training" in texts_in(tmp_path / "after")
    with pytest.raises(ExclusionRefused, match="withdrew it"):
        take_in(exclusion=Exclusion.objects.get(), reason="by mistake")
    with pytest.raises(NotSetAside, match="withdrew it"):
        restore_prompt(prompt=prompt)


def test_one_conversation_can_be_taken_back_and_nobody_elses(alice: Labeler, bob: Labeler) -> None:
    mine, other, hers = kept(bob.user, "One."), kept(bob.user, "Two."), kept(alice.user, "Three.")
    assert withdraw(user=bob.user, by=bob.user, conversations=[mine.pk, hers.pk]).conversations == 1
    assert set(ServedConversation.objects.all()) == {other, hers}


def test_all_prompts_of_a_submitter_are_withdrawn_whoever_entered_them(alice: Labeler, tmp_path: Path) -> None:
    """Those that came in a file or by the API, too, with the names of every model that saw one, policies included."""
    campaign, others = make_campaign(slug="poems"), make_campaign(slug="laws")
    bare = make_prompt(campaign, submitter="kim")
    ranked = make_prompt(others, submitter="kim")
    make_ready_task(ranked)
    rank(alice, [1, 2, 3, 4])
    stays = make_prompt(campaign, submitter="lee")
    snapshot = snapshot_in(tmp_path / "before", kinds=("prompts",))
    saw = ModelVersion.objects.create(name="ppo-1", path="/ppo-1", kind=ModelKind.SFT, snapshot=snapshot)
    ModelVersion.objects.create(name="ppo-2", path="/ppo-2", kind=ModelKind.SFT, parent=saw)
    browser = admin_browser()
    button = reverse("admin:labeling_submitter_withdraw_prompts", args=[ranked.submitter_id])
    assert "They are 2 prompts" in browser.get(button).text
    said = texts_of(browser.post(button, follow=True))[0]
    assert said == "1 prompts are deleted, 1 are left out. Models that saw them: ppo-1, ppo-2."
    assert set(Prompt.objects.all()) == {ranked, stays}
    assert bare.submitter.name == "kim"
    withdrawal = Withdrawal.objects.get()
    assert (withdrawal.user, withdrawal.submitter, withdrawal.prompts_left_out) == (None, "kim", [ranked.pk])
    snapshot_in(tmp_path / "after", kinds=("prompts", "rankings"))
    assert texts_in(tmp_path / "after").count('"prompt_id"') == 1
    page = browser.get(reverse("admin:labeling_submitter_change", args=[ranked.submitter_id])).text
    assert "Withdraw their prompts" not in page
    assert "kim" in browser.get(reverse("admin:labeling_withdrawal_changelist")).text
