"""Rewards stored ahead, the best of n, and labels that the model contradicts."""

from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from labeling.base.refusals import AlreadyWanted, CampaignNotOpen, WorkSetAside
from labeling.base.states import LabelerGroup, TaskState
from labeling.desk.ranking.services import revise_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.services.leases import close_campaign
from labeling.model_versions.queries import current_reward_models
from labeling.model_versions.services.reward_models import create_reward_model
from labeling.models import Completion, Labeler, ModelVersion, PreferenceMargin, Ranking, RankingTask, RewardScore
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking
from labeling.rewards.queries import best_of_each, best_of_n, doubtful
from labeling.rewards.services.rewards import (
    SCORING_LOCK,
    TASKS_AT_ONCE,
    TRY_LOCK,
    measure_margins,
    score_ahead,
    unscored_tasks,
)
from tests.labeling.admin_cast import snapshot_in
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import judgements, rank, reopened
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model

pytestmark = pytest.mark.django_db

IN_TRAIN, IN_TEST = "submitter-0", "submitter-2"


def score(model: ModelVersion, rewarder: ScriptedRewarder | None = None, *, limit: int = 1000) -> int:
    rewarder = rewarder or ScriptedRewarder()
    return score_ahead(model=model, load=lambda: rewarder, limit=limit, somebody_waits=lambda: False)


def ranked_task(ranks: list[int], *, texts: list[str], submitter: str = IN_TRAIN, by: str = "alice") -> RankingTask:
    """`ranks` are those of the texts, in order."""
    task = make_ready_task(make_prompt(make_campaign(), submitter=submitter), texts=texts)
    rank(make_labeler(by), ranks)
    task.refresh_from_db()
    return task


FOUR = ["a", "bb", "ccc", "dddd"]


def test_completions_of_ready_tasks_are_scored_once_per_model() -> None:
    campaign = make_campaign()
    for _ in range(3):
        make_ready_task(make_prompt(campaign), texts=FOUR)
    model, rewarder = current_reward_model(), ScriptedRewarder()
    assert score(model, rewarder) == 12
    assert score(model, rewarder) == 0
    assert len(rewarder.asked) == 1  # one batch: every prompt with its four completions
    assert {each.reward for each in RewardScore.objects.filter(model_version=model)} == {1.0, 2.0, 3.0, 4.0}
    promoted = current_reward_model()
    assert score(promoted) == 12
    assert RewardScore.objects.count() == 24


def test_the_budget_is_kept_to_whole_tasks_and_the_newest_come_first() -> None:
    campaign = make_campaign()
    tasks = [make_ready_task(make_prompt(campaign), texts=FOUR) for _ in range(3)]
    model = current_reward_model()
    assert score(model, limit=5) == 8
    assert list(unscored_tasks(model)) == [tasks[0]]


def test_people_who_wait_come_first() -> None:
    make_ready_task(make_prompt(make_campaign()))
    model, rewarder = current_reward_model(), ScriptedRewarder()
    done = score_ahead(model=model, load=lambda: rewarder, limit=99, somebody_waits=lambda: True)
    assert (done, rewarder.asked) == (0, [])


def test_what_cannot_be_scored_is_not_tried_again() -> None:
    make_ready_task(make_prompt(make_campaign()), texts=["much too long", "b", "c", "d"])
    model = current_reward_model()
    assert score(model) == 4
    assert score(model) == 0
    assert RewardScore.objects.get(reward=None).problem == "a completion is never cut"


def test_a_worker_killed_in_the_middle_leaves_nothing_half_done() -> None:
    make_ready_task(make_prompt(make_campaign()))
    model = current_reward_model()
    with pytest.raises(ZeroDivisionError):
        score(model, ScriptedRewarder(meanwhile=lambda: 1 / 0))
    assert not RewardScore.objects.exists()
    assert score(model) == 4


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_score_the_same_task_at_once() -> None:
    task = make_ready_task(make_prompt(make_campaign()))
    model = current_reward_model()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(TRY_LOCK, [SCORING_LOCK, task.pk])
            assert score(model) == 0
            cursor.execute("ROLLBACK")
        assert score(model) == 4
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
def test_a_worker_goes_on_past_what_others_have_in_hand() -> None:
    campaign = make_campaign()
    oldest, *others = [make_ready_task(make_prompt(campaign)) for _ in range(TASKS_AT_ONCE + 1)]
    model = current_reward_model()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            for task in others:
                cursor.execute(TRY_LOCK, [SCORING_LOCK, task.pk])
            assert score(model) == 4
            cursor.execute("ROLLBACK")
        assert oldest not in unscored_tasks(model)
        assert score(model) == 4 * TASKS_AT_ONCE
    finally:
        other.close()


def test_the_best_of_n_is_the_highest_of_the_first_n() -> None:
    prompt = make_prompt(make_campaign())
    make_ready_task(prompt, texts=FOUR)
    model = current_reward_model()
    score(model, ScriptedRewarder({"a": 0.5, "bb": 2.0, "ccc": -1.0, "dddd": 3.0}))
    texts = {completion.pk: completion.text for completion in Completion.objects.all()}
    for n, text, reward in ((1, "a", 0.5), (2, "bb", 2.0), (3, "bb", 2.0), (4, "dddd", 3.0), (None, "dddd", 3.0)):
        best = best_of_n(prompt=prompt, model=model, n=n)
        assert best is not None
        assert (texts[best.completion_id], best.reward, best.of) == (text, reward, n or 4)
    assert best_of_n(prompt=prompt, model=current_reward_model()) is None


def test_the_best_of_every_prompt_leaves_out_those_with_fewer_and_other_campaigns() -> None:
    first, second = make_campaign(slug="first"), make_campaign(slug="second")
    make_ready_task(make_prompt(first), texts=FOUR)
    make_ready_task(make_prompt(second), texts=[*FOUR, "eeeee"])
    model = current_reward_model()
    score(model)
    assert [best.reward for best in best_of_each(model=model)] == [4.0, 5.0]
    assert [best.reward for best in best_of_each(model=model, n=5)] == [5.0]
    assert [best.reward for best in best_of_each(model=model, campaign="first")] == [4.0]


def test_the_margin_of_a_ranking_by_hand() -> None:
    """Rewards 1, 2, 3, 4 in the order of the ranks 1, 2, 2, 3: the five pairs are 1−2, 1−3, 1−4, 2−4 and 3−4, so
    −1 −2 −3 −2 −1 = −9 in all; the mean is −1.8 and the worst −3.
    """
    ranked_task([1, 2, 2, 3], texts=FOUR)
    model = current_reward_model()
    score(model)
    margin = PreferenceMargin.objects.get()
    assert (margin.pairs, margin.lowest) == (5, -3.0)
    assert margin.mean == pytest.approx(-1.8)
    assert margin.trained_on is None  # the model was registered without a snapshot
    assert measure_margins(model=model) == 0


def test_ties_of_all_and_half_scored_tasks_have_no_margin() -> None:
    ranked_task([1, 1, 1, 1], texts=FOUR)
    ranked_task([1, 2, 3, 4], texts=["much too long", "b", "cc", "ddd"], by="bob")
    score(current_reward_model())
    assert not PreferenceMargin.objects.exists()


def test_it_is_said_which_rankings_the_model_trained_on(tmp_path: Path) -> None:
    """Train split before the snapshot: trained on. Test split, held-out labelers, and what came after: not."""
    before = ranked_task([1, 2, 3, 4], texts=FOUR)
    tested = ranked_task([1, 2, 3, 4], texts=FOUR, submitter=IN_TEST, by="bob")
    make_ready_task(make_prompt(make_campaign(), submitter=IN_TRAIN), texts=FOUR)
    rank(make_labeler("helen", group=LabelerGroup.HELD_OUT), [1, 2, 3, 4])
    snapshot = snapshot_in(tmp_path / "snapshot")
    after = ranked_task([1, 2, 3, 4], texts=FOUR, by="dora")
    score(current_reward_model(snapshot=snapshot))
    trained_on = dict(PreferenceMargin.objects.values_list("ranking__task", "trained_on"))
    held_out = Ranking.objects.get(labeler_group="held_out").task_id
    assert trained_on == {before.pk: True, tested.pk: False, held_out: False, after.pk: False}


def test_doubtful_is_the_lowest_fifth_where_it_contradicts_the_label() -> None:
    """Ten rankings: one turned round (mean −5/3), nine as the model has it. The lowest fifth are two; only one is
    below 0.
    """
    ranked_task([1, 2, 3, 4], texts=FOUR, by="alice")
    for number in range(9):
        ranked_task([4, 3, 2, 1], texts=FOUR, by=f"labeler-{number}")
    model = current_reward_model()
    score(model)
    assert PreferenceMargin.objects.count() == 10
    (doubted,) = doubtful(PreferenceMargin.objects.all())
    assert doubted.mean == pytest.approx(-10 / 6)
    assert str(doubted.ranking.labeler) == "alice"
    current_reward_model()  # another model is promoted: it has measured nothing yet
    assert not doubtful(PreferenceMargin.objects.all()).exists()


def test_a_label_that_was_revised_is_measured_anew_and_the_old_one_not_doubted_any_more() -> None:
    task = ranked_task([1, 2, 3, 4], texts=FOUR)
    model = current_reward_model()
    score(model)
    assert [margin.ranking.revision for margin in doubtful(PreferenceMargin.objects.all())] == [1]
    first = task.rankings.get()
    turned = judgements(first.assignment, [4, 3, 2, 1])
    token = reopened(first.labeler, first.assignment)
    revise_ranking(labeler=first.labeler, token=token, judgements=turned, active_seconds=1)
    assert not doubtful(PreferenceMargin.objects.all()).exists()
    assert measure_margins(model=model) == 1
    assert PreferenceMargin.objects.get(ranking__revision=2).mean == pytest.approx(10 / 6)


def test_another_ranking_goes_to_somebody_who_has_not_met_the_task(bob: Labeler) -> None:
    task = ranked_task([1, 2, 3, 4], texts=FOUR)
    alice = task.rankings.get().labeler
    assert task.state == TaskState.DONE
    task = ask_for_another_ranking(task=task)
    assert (task.state, task.rankings_needed, task.rankings_done) == (TaskState.READY, 2, 1)
    assert claim_ranking(labeler=alice) is None
    rank(bob, [4, 3, 2, 1])
    task.refresh_from_db()
    assert (task.state, task.rankings_done) == (TaskState.DONE, 2)
    assert ask_for_another_ranking(task=task).rankings_needed == 3


def test_another_ranking_is_refused_where_it_would_wait_for_nothing() -> None:
    task = ranked_task([1, 2, 3, 4], texts=FOUR)
    ask_for_another_ranking(task=task)
    with pytest.raises(AlreadyWanted):
        ask_for_another_ranking(task=task)
    closed = ranked_task([1, 2, 3, 4], texts=FOUR, by="bob")
    close_campaign(campaign=closed.campaign)
    with pytest.raises(CampaignNotOpen):
        ask_for_another_ranking(task=closed)
    aside = ranked_task([1, 2, 3, 4], texts=FOUR, by="dora")
    set_prompt_aside(prompt=aside.prompt, reason="spam")
    with pytest.raises(WorkSetAside):
        ask_for_another_ranking(task=aside)


def test_postgres_refuses_a_second_score_a_changed_one_and_one_of_a_language_model() -> None:
    make_ready_task(make_prompt(make_campaign()))
    model = current_reward_model()
    score(model)
    one = RewardScore.objects.first()
    assert one is not None
    sft = ModelVersion.objects.create(kind="sft", name="sft", path="/sft")
    again = {"completion": one.completion, "reward": 1.0}
    for refused in (
        lambda: RewardScore.objects.create(model_version=model, **again),
        lambda: RewardScore.objects.create(model_version=sft, **again),
        lambda: RewardScore.objects.create(model_version=current_reward_model(), completion=one.completion),
        lambda: RewardScore.objects.filter(pk=one.pk).update(reward=9.0),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            refused()


def test_every_reward_model_scores_what_feeds_it_and_the_default_one_everything(alice: Labeler) -> None:
    helpful, harmless = make_campaign(), make_campaign()
    safe = create_reward_model(slug="safe", name="Safe")
    harmless.reward_models.set([safe])
    tasks = [make_ready_task(make_prompt(campaign)) for campaign in (helpful, harmless)]
    default = current_reward_model()
    version = ModelVersion.objects.create(
        kind="reward", reward_model=safe, name="safe-1", path="/safe/1", state="current"
    )
    assert set(unscored_tasks(default)) == set(tasks)
    assert list(unscored_tasks(version)) == [tasks[1]]
    assert current_reward_models() == [default, version]
