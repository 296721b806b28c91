"""Agreement is counted as work is handed in: Alice, Bob and Charlie rank the same tasks. A rebuild finds the same."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from labeling.base.states import CampaignStage, CheckKind, LabelerState
from labeling.desk.ranking.services import revise_ranking
from labeling.models import Check, CompletionAgreement, Labeler, RankingAgreement, RankingTask
from labeling.people.services import change_labeler_state
from labeling.quality.agreement.models import Partner
from labeling.quality.agreement.services import counting
from labeling.quality.gold.services.items import RightAnswer, edit_gold, make_gold
from labeling.ranking_tasks.services.tasks import copy_task
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import judgements, rank, reopened

COUNTED = [field.name for field in RankingAgreement._meta.fields if field.name != "id"]


def rows(kind: Partner = Partner.LABELER, **which: Any) -> list[tuple[str, str, int, int]]:
    """(labeler, partner, same, opposed) of each row."""
    found = RankingAgreement.objects.filter(partner_kind=kind, **which).order_by("task", "labeler", "partner")
    return [(str(row.labeler), str(row.partner or ""), row.same, row.opposed) for row in found]


def all_that_is_counted() -> tuple[list[Any], list[Any]]:
    return (
        list(RankingAgreement.objects.order_by("task", "labeler", "partner_kind", "partner").values_list(*COUNTED)),
        list(CompletionAgreement.objects.order_by("completion").values_list()),
    )


@pytest.fixture
def shared_task(alice: Labeler, bob: Labeler, charlie: Labeler) -> RankingTask:
    return make_ready_task(make_prompt(make_campaign(rankings_per_task=3)), k=4)


def test_two_who_rank_the_same_task_have_a_row_in_each_direction(
    shared_task: RankingTask, alice: Labeler, bob: Labeler
) -> None:
    rank(alice, [1, 2, 3, 4], quality=5)
    assert not RankingAgreement.objects.exists()
    rank(bob, [1, 2, 4, 3], quality=6)
    assert rows() == [("alice", "bob", 5, 1), ("bob", "alice", 5, 1)]
    assert rows(Partner.CONSENSUS) == []
    row = RankingAgreement.objects.get(labeler=alice)
    assert row.tau == pytest.approx(4 / 6)
    assert (row.rated, row.own_rating, row.their_rating, row.own_squares) == (4, 20, 24, 100)


def test_the_third_is_held_against_the_consensus_of_the_others(
    shared_task: RankingTask, alice: Labeler, bob: Labeler, charlie: Labeler
) -> None:
    """Alice and Bob agree on 5 of 6 pairs and tie the last two between them; Charlie turns everything round."""
    rank(alice, [1, 2, 3, 4])
    rank(bob, [1, 2, 4, 3])
    rank(charlie, [4, 3, 2, 1])
    assert len(rows()) == 6
    assert ("charlie", "", 0, 5) in rows(Partner.CONSENSUS)
    completion = CompletionAgreement.objects.order_by("completion").first()
    assert completion is not None
    assert completion.ranks == [2, 0, 0, 1]
    assert completion.flags == {"fails_task": [3, 0], "hallucination": [3, 0]}


def test_ties_strengths_and_flags_are_kept_with_the_pair(
    shared_task: RankingTask, alice: Labeler, bob: Labeler
) -> None:
    rank(alice, [1, 1, 2, 3], strengths=[4, 1], flags=["hallucination"])
    rank(bob, [1, 2, 3, 3], strengths=[2, 2])
    row = RankingAgreement.objects.get(labeler=alice)
    assert (row.tied_by_labeler, row.tied_by_partner, row.tied_by_both) == (1, 1, 0)
    assert (sum(row.same_by_strength), sum(row.opposed_by_strength)) == (row.same, row.opposed) == (4, 0)
    assert row.flags == ["hallucination"]


def test_a_revision_counts_in_the_place_of_what_it_revises(
    shared_task: RankingTask, alice: Labeler, bob: Labeler
) -> None:
    rank(alice, [1, 2, 3, 4])
    ranking = rank(bob, [4, 3, 2, 1])
    assert rows() == [("alice", "bob", 0, 6), ("bob", "alice", 0, 6)]
    revise_ranking(
        labeler=bob,
        token=reopened(bob, ranking.assignment),
        judgements=judgements(ranking.assignment, [1, 2, 3, 4]),
        active_seconds=1,
    )
    assert rows() == [("alice", "bob", 6, 0), ("bob", "alice", 6, 0)]
    before = all_that_is_counted()
    call_command("rebuild_agreement", verbosity=0)
    assert all_that_is_counted() == before


def test_a_task_that_one_labeler_ranks_costs_no_query(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    ranking = rank(alice, [1, 2, 3, 4])
    with CaptureQueriesContext(connection) as queries:
        counting.count_agreement(ranking)
    assert len(queries) == 0
    assert not CompletionAgreement.objects.exists()


def test_a_submission_touches_no_row_of_another_task_or_of_others(
    shared_task: RankingTask, alice: Labeler, bob: Labeler, charlie: Labeler
) -> None:
    other = make_ready_task(make_prompt(shared_task.campaign), k=4)
    for labeler in (alice, bob):
        rank(labeler, [1, 2, 3, 4])
        rank(labeler, [1, 2, 3, 4])
    before = set(RankingAgreement.objects.values_list("pk", flat=True))
    rank(charlie, [1, 2, 3, 4])
    assert before <= set(RankingAgreement.objects.values_list("pk", flat=True))
    assert not RankingAgreement.objects.filter(task=other, labeler=charlie).exists()


def test_a_rebuild_finds_the_same_in_small_steps_and_takes_away_what_is_no_more(
    shared_task: RankingTask, alice: Labeler, bob: Labeler, charlie: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        make_ready_task(make_prompt(shared_task.campaign), k=4)
    for number in range(5):
        for labeler, ranks in ((alice, [1, 2, 3, 4]), (bob, [2, 1, 4, 3]), (charlie, [1, 1, 2, 2])):
            if number < 3 or labeler is not charlie:
                rank(labeler, ranks, quality=number + 1, flags=["hallucination"] if labeler is bob else [])
    before = all_that_is_counted()
    single = make_ready_task(make_prompt(make_campaign()))
    stale = RankingAgreement.objects.filter(task=shared_task).first()
    assert stale is not None
    stale.pk, stale.task, stale.same = None, single, 99
    stale.save()
    RankingAgreement.objects.filter(task=shared_task).update(same=50)
    monkeypatch.setattr(counting, "TASKS_AT_ONCE", 2)
    assert list(counting.rebuild_agreement()) == [2, 4, 5]
    assert all_that_is_counted() == before


def test_labels_of_an_account_that_was_made_nameless_count_as_before(
    shared_task: RankingTask, alice: Labeler, bob: Labeler
) -> None:
    rank(alice, [1, 2, 3, 4])
    rank(bob, [1, 2, 4, 3])
    before = all_that_is_counted()
    bob.user.username, bob.user.is_active = f"deleted-{bob.pk}", False
    bob.user.save()
    call_command("rebuild_agreement", verbosity=0)
    assert all_that_is_counted() == before
    assert ("alice", f"deleted-{bob.pk}", 5, 1) in rows()


class WhateverIsHandedIn(TestCase):
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.lists(st.integers(1, 4), min_size=4, max_size=4), min_size=2, max_size=4))
    def test_counting_by_hand_ins_and_a_rebuild_come_to_the_same(self, handed_in: list[list[int]]) -> None:
        labelers = [make_labeler(f"labeler-{number}") for number, _ in enumerate(handed_in)]
        make_ready_task(make_prompt(make_campaign(rankings_per_task=len(handed_in))), k=4)
        for labeler, ranks in zip(labelers, handed_in, strict=True):
            rank(labeler, ranks)
        before = all_that_is_counted()
        assert len(before[0]) > 0
        list(counting.rebuild_agreement())
        assert all_that_is_counted() == before


def test_a_check_is_held_against_gold_or_against_what_the_labeler_said_before(alice: Labeler, bob: Labeler) -> None:
    """Gold has 1 < 2 < 3 < 4; Alice turns the last two. Weeks later Bob turns the first two of his own."""
    campaign = make_campaign()
    first, second = (make_ready_task(make_prompt(campaign), k=4) for _ in range(2))
    rank(alice, [4, 3, 2, 1])
    earlier = rank(bob, [1, 2, 3, 4])
    ids = sorted(first.completions.values_list("pk", flat=True))
    item = make_gold(
        task=first, answer=RightAnswer(ranks={completion: place for place, completion in enumerate(ids, 1)}), by=None
    )
    for labeler, task, check in (
        (alice, first, {"kind": CheckKind.GOLD, "item": item}),
        (bob, second, {"kind": CheckKind.REPEAT, "earlier": earlier}),
    ):
        Check.objects.create(labeler=labeler, task=copy_task(task=task, labeler=labeler), **check)
    rank(alice, [1, 2, 4, 3])
    rank(bob, [2, 1, 3, 4])
    assert rows(Partner.GOLD) == [("alice", "", 5, 1)]
    assert rows(Partner.SELF) == [("bob", "", 5, 1)]
    assert rows() == []
    edit_gold(
        item=item, answer=RightAnswer(ranks={completion: 5 - place for place, completion in enumerate(ids, 1)}), by=None
    )
    before = all_that_is_counted()
    call_command("rebuild_agreement", verbosity=0)
    assert all_that_is_counted() == before


def test_screening_and_practice_are_no_agreement_of_real_work(alice: Labeler, bob: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign(stage=CampaignStage.PRACTICE, rankings_per_task=2)), k=4)
    for labeler in (alice, bob):
        change_labeler_state(labeler=labeler, state=LabelerState.PRACTICE)
        rank(labeler, [1, 2, 3, 4])
    list(counting.rebuild_agreement())
    assert not RankingAgreement.objects.exists()
