"""Checks: who is given which, when, and what it comes to."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.base.refusals import GoldRefused, WorkSetAside
from labeling.base.states import CampaignStage, CheckKind, GoldState, LabelerState, SkipReason, TaskState
from labeling.desk.services.assignments import claim_ranking, skip
from labeling.models import Assignment, Campaign, Change, Check, GoldItem, Labeler, Ranking, RankingTask
from labeling.people.services import change_labeler_state
from labeling.quality.gold.services.items import RightAnswer, edit_gold, make_gold, retire_gold
from labeling.quality.gold.services.measuring import measure_handed_in
from labeling.quality.gold.services.planning import gold_for, plan_checks, withdraw_checks
from labeling.ranking_tasks.services.amounts import amounts_of, apply_to_existing
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking, copy_task
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def right(task: RankingTask, ranks: Sequence[int], **said: Any) -> RightAnswer:
    """`ranks` of the completions in the order of their ids."""
    ids = task.completions.order_by("pk").values_list("pk", flat=True)
    return RightAnswer(ranks=dict(zip(ids, ranks, strict=True)), **said)


def gold_of(campaign: Campaign, ranks: Sequence[int] = (1, 2, 3, 4), **said: Any) -> GoldItem:
    task = make_ready_task(make_prompt(campaign))
    return make_gold(task=task, answer=right(task, ranks, **said), by=None)


def hand_in(labeler: Labeler, campaign: Campaign, ranks: Sequence[int] = (1, 2, 3, 4)) -> Ranking:
    """Of a task that waits, and others wait behind it."""
    while RankingTask.objects.claimable_by(labeler).filter(campaign=campaign, reserved_for=None).count() < 2:
        make_ready_task(make_prompt(campaign, language=labeler.languages[0]))
    return rank(labeler, list(ranks))


def days_ago(ranking: Ranking, days: int) -> None:
    """As if it had been handed in then."""
    Assignment.objects.filter(pk=ranking.assignment_id).update(closed_at=timezone.now() - timedelta(days=days))


def always(**fields: Any) -> Campaign:
    """A campaign in which a gold item follows as often as can be asked for: 30 in a hundred."""
    return make_campaign(**{"gold_percent": 30, "repeat_percent": 0} | fields)


def until_checked(labeler: Labeler, campaign: Campaign) -> Check:
    """Works on until a check is planned."""
    for _ in range(200):
        hand_in(labeler, campaign)
        if plan_checks():
            return Check.objects.get(labeler=labeler, ranking=None)
    raise AssertionError("No check was drawn in 200 rankings at 30 %.")


def test_a_gold_item_comes_among_the_others_and_is_measured() -> None:
    campaign, alice = always(), make_labeler()
    item = gold_of(campaign, (1, 2, 2, 3), apart=2, flags={})
    assert item.task.state == TaskState.DONE  # no labeler is given it but as a check

    check = until_checked(alice, campaign)
    assert (check.kind, check.item, check.passed) == (CheckKind.GOLD, item, None)
    assert plan_checks() == 0  # one at a time
    given = rank(alice, [2, 1, 3, 4])
    assert given.task == check.task
    assert measure_handed_in() == 1
    check.refresh_from_db()
    # Five pairs have an order (not the tie); the first two are the other way round. Best and last must hold, and do.
    assert (check.pairs, check.pairs_held, check.passed, check.ranking) == (5, 4, True, given)
    assert measure_handed_in() == 0
    for _ in range(30):  # never twice the same item
        hand_in(alice, campaign)
    assert plan_checks() == 0


@pytest.mark.slow
def test_the_share_that_follows_is_that_of_the_campaign() -> None:
    """Of n draws of probability p, within four standard deviations: a wrong share fails, chance does not."""
    campaign, alice = make_campaign(gold_percent=25, repeat_percent=0), make_labeler()
    for _ in range(35):
        gold_of(campaign)
    checks, n = 0, 60
    for _ in range(n):
        hand_in(alice, campaign)
        if plan_checks():
            checks += 1
            rank(alice, [1, 2, 3, 4])
            measure_handed_in()
    assert abs(checks - 0.25 * n) <= 4 * (n * 0.25 * 0.75) ** 0.5


def test_whoever_wrote_one_of_its_completions_is_not_given_it() -> None:
    campaign, alice = always(), make_labeler()
    item = gold_of(campaign)
    RankingTask.objects.filter(pk=item.task_id).update(written_by=alice)
    ranking = hand_in(alice, campaign)
    assert not gold_for(alice, ranking.assignment).exists()
    bob = make_labeler("bob")
    assert list(gold_for(bob, ranking.assignment)) == [item]


def test_whoever_has_met_the_item_is_not_given_it() -> None:
    campaign, alice = always(), make_labeler()
    ranking = hand_in(alice, campaign)
    make_gold(task=ranking.task, answer=right(ranking.task, [1, 2, 3, 4]), by=None)
    for _ in range(40):
        hand_in(alice, campaign)
    assert plan_checks() == 0


def test_gold_in_a_language_that_a_labeler_lacks_or_of_another_campaign_is_not_given() -> None:
    campaign, dora = always(), make_labeler("dora", languages=["de"])
    gold_of(campaign)
    gold_of(always())
    for _ in range(40):
        hand_in(dora, campaign)
    assert plan_checks() == 0


def test_no_check_comes_where_no_other_task_is_left() -> None:
    """It would be known by that."""
    campaign, alice = always(), make_labeler()
    gold_of(campaign)
    for _ in range(40):
        hand_in(alice, campaign)
    last = claim_ranking(labeler=alice)
    assert last is not None
    assert plan_checks() == 0
    make_ready_task(make_prompt(campaign))
    assert plan_checks() == 1


def test_what_was_ranked_weeks_ago_comes_again_reshuffled() -> None:
    campaign = make_campaign(gold_percent=0, repeat_percent=30, repeat_after_days=21)
    alice = make_labeler()
    first = hand_in(alice, campaign, [1, 2, 3, 4])
    days_ago(hand_in(alice, campaign), 20)  # not long enough
    days_ago(first, 22)
    check = until_checked(alice, campaign)
    assert (check.kind, check.earlier, check.task.copy_of) == (CheckKind.REPEAT, first, first.task)
    again = rank(alice, [1, 2, 4, 3])
    measure_handed_in()
    check.refresh_from_db()
    assert (again.task, check.pairs, check.pairs_held, check.passed) == (check.task, 6, 5, None)
    for _ in range(30):  # once only
        hand_in(alice, campaign)
    assert plan_checks() == 0


def test_editing_and_retiring_change_nothing_that_was_measured() -> None:
    campaign, alice, bob = always(), make_labeler(), make_labeler("bob")
    item = gold_of(campaign, (1, 2, 3, 4), reason="The first is right.")
    copies = {who: copy_task(task=item.task, labeler=who) for who in (alice, bob)}
    for who, copy in copies.items():
        Check.objects.create(labeler=who, task=copy, kind=CheckKind.GOLD, item=item)
    rank(alice, [1, 2, 3, 4])
    # The answer is turned round before anybody measured: alice handed in under the first one.
    edit_gold(item=item, answer=right(item.task, [4, 3, 2, 1]), by=None)
    rank(bob, [1, 2, 3, 4])
    measure_handed_in()
    results = {each.labeler: (each.version and each.version.version, each.passed) for each in Check.objects.all()}
    assert results == {alice: (1, True), bob: (2, False)}
    retire_gold(item=item)
    edit_gold(item=item, answer=right(item.task, [1, 1, 1, 2]), by=None)
    assert measure_handed_in() == 0
    assert {
        each.labeler: (each.version and each.version.version, each.passed) for each in Check.objects.all()
    } == results
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Check.objects.update(passed=True)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        item.versions.update(reason="Another.")
    assert Change.objects.filter(table_name="labeling_goldversion", action="insert").count() == 3


def test_in_practice_the_tasks_themselves_are_gold_and_everybody_gets_them() -> None:
    campaign = make_campaign(stage=CampaignStage.PRACTICE)
    item = gold_of(campaign, (1, 2, 3, 4))
    for name in ("alice", "bob"):
        labeler = make_labeler(name, state=LabelerState.PRACTICE)
        assert rank(labeler, [1, 2, 4, 3]).task == item.task
    assert measure_handed_in() == 2
    assert [(each.pairs_held, each.passed) for each in Check.objects.all()] == [(5, False)] * 2
    assert plan_checks() == 0


def test_what_is_skipped_or_meant_for_somebody_who_left_is_withdrawn() -> None:
    campaign, alice, bob, carol = always(), make_labeler(), make_labeler("bob"), make_labeler("carol")
    item = gold_of(campaign)
    tasks = {}
    for who in (alice, bob, carol):
        tasks[who] = copy_task(task=item.task, labeler=who)
        Check.objects.create(labeler=who, task=tasks[who], kind=CheckKind.GOLD, item=item)
    held = claim_ranking(labeler=alice)
    assert held is not None
    skip(labeler=alice, token=str(held.token), reason=SkipReason.UNCLEAR)
    change_labeler_state(labeler=bob, state=LabelerState.SUSPENDED)
    assert claim_ranking(labeler=carol) is not None  # holds it, and may finish
    retire_gold(item=item)
    assert withdraw_checks() == 2
    states = {who: RankingTask.objects.get(pk=task.pk).state for who, task in tasks.items()}
    assert states == {alice: TaskState.SET_ASIDE, bob: TaskState.SET_ASIDE, carol: TaskState.READY}
    rank(carol, [1, 2, 3, 4])
    assert measure_handed_in() == 1  # by the answer of a retired item, which was in force


def test_what_can_not_be_gold_is_refused_with_a_reason() -> None:
    campaign, alice = make_campaign(), make_labeler()
    task = make_ready_task(make_prompt(campaign))
    with pytest.raises(GoldRefused, match="3 or more ranks apart"):
        make_gold(task=task, answer=right(task, [1, 2, 2, 3], apart=3), by=None)
    with pytest.raises(GoldRefused, match="each completion"):
        make_gold(task=task, answer=RightAnswer(ranks={1: 1}), by=None)
    assert GoldItem.objects.count() == 0
    item = make_gold(task=task, answer=right(task, [1, 2, 2, 3]), by=None)
    with pytest.raises(GoldRefused, match="gold already"):
        make_gold(task=task, answer=right(task, [1, 2, 2, 3]), by=None)
    copy = copy_task(task=task, labeler=alice)
    with pytest.raises(GoldRefused, match=f"task {task.pk} again"):
        make_gold(task=copy, answer=right(copy, [1, 2, 3, 4]), by=None)
    assert item.state == GoldState.ACTIVE


def test_more_rankings_for_all_tasks_do_not_reopen_gold() -> None:
    campaign, alice = make_campaign(), make_labeler()
    ranking = hand_in(alice, campaign)
    item = make_gold(task=ranking.task, answer=right(ranking.task, [1, 2, 3, 4]), by=None)
    before = amounts_of(campaign)
    campaign.rankings_per_task = 2
    campaign.save()
    assert apply_to_existing(campaign=campaign, before=before).tasks == 1  # the one that waits; not the gold one
    assert RankingTask.objects.get(gold_item=item).state == TaskState.DONE


def test_gold_is_given_to_nobody_but_as_a_check_and_flags_count_as_far_as_they_were_asked_for() -> None:
    campaign, alice = make_campaign(), make_labeler()
    task = make_ready_task(make_prompt(campaign))
    best = task.completions.order_by("pk")[0].pk
    answer = right(task, [1, 2, 3, 4], flags={best: ["hallucination", "of_another_version"]})
    item = make_gold(task=task, answer=answer, by=None)
    with pytest.raises(WorkSetAside, match="is gold"):
        ask_for_another_ranking(task=task)
    assert claim_ranking(labeler=alice) is None
    Check.objects.create(
        labeler=alice, task=copy_task(task=task, labeler=alice), kind=CheckKind.GOLD, item=item
    )  # fmt: skip
    rank(alice, [1, 2, 3, 4], flags=["hallucination"])  # of all four
    measure_handed_in()
    check = Check.objects.get()
    assert (check.flags, check.flags_agreed) == (4, 1)
