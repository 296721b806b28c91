"""What comes into the reviewers' queue by itself, and reports of broken tasks."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.refusals import AlreadyDecided, ReasonMissing
from labeling.base.states import ReviewReason, SkipReason, TaskState
from labeling.desk.ranking.services import revise_ranking
from labeling.desk.services.assignments import claim_ranking, skip
from labeling.models import BrokenTaskReport, Campaign, Labeler, Ranking, Review, Thread
from labeling.review.rules import disagree, is_drawn, urgency_of
from labeling.review.services.adjudications import adjudicate
from labeling.review.services.fixing import fix_ranking_of
from labeling.review.services.planning import plan_reviews
from labeling.review.services.reports import dismiss_report, report_broken, set_aside_as_reported, take_up_skipped
from labeling.review.services.reviews import accept
from labeling.rewards.services.doubtful import request_reviews
from tests.labeling.admin_cast import doubted
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import judgements, rank, reopened, write


def campaign(**settings: Any) -> Campaign:
    """Nothing of it is reviewed but for what the settings say."""
    none: dict[str, Any] = {"review_percent": 0, "review_first": 0, "review_below_percent": 0}
    return make_campaign(**{**none, **settings})


def waiting() -> list[tuple[str, list[str]]]:
    return [
        (str(review.assignment.labeler) if review.assignment else "several", review.reasons)
        for review in Review.objects.filter(state="waiting").order_by("id")
    ]


@given(st.uuids())
def test_all_or_nothing_is_drawn_at_the_ends(token: UUID) -> None:
    assert is_drawn(token, percent=100)
    assert not is_drawn(token, percent=0)
    assert is_drawn(token, percent=30) <= is_drawn(token, percent=60)


def test_the_share_is_what_was_asked_for() -> None:
    drawn = sum(is_drawn(UUID(int=number * 7919), percent=5) for number in range(10_000))
    assert 400 < drawn < 600  # 500 expected, with a standard deviation of 22


def test_people_disagree_below_the_threshold_and_over_enough_comparisons() -> None:
    one, turned = {1: 1, 2: 2, 3: 3}, {1: 3, 2: 2, 3: 1}
    assert disagree([one, turned], below_percent=50)
    assert not disagree([one, turned], below_percent=0)
    assert not disagree([one, one], below_percent=100)
    assert not disagree([{1: 1, 2: 2, 3: 2}, {1: 2, 2: 1, 3: 1}], below_percent=100)  # two comparisons say nothing
    assert not disagree([one], below_percent=100)


def test_what_waits_longest_for_a_person_is_the_most_urgent() -> None:
    assert urgency_of(["random", "answered"]) == urgency_of(["answered"]) < urgency_of(["random"])


@pytest.mark.django_db
class TestTheQueue:
    def test_takes_the_random_share_and_each_labeler_s_first_work(self, alice: Labeler, bob: Labeler) -> None:
        drawn = campaign(review_percent=100)
        make_ready_task(make_prompt(drawn, demonstrations_needed=0))
        rank(alice, [1, 2, 3, 4])
        first = campaign(review_first=1)
        for _ in range(2):
            make_prompt(first, ranking_tasks_needed=0)
        write(bob, "One.")
        write(bob, "Two.")
        assert plan_reviews() == 3
        assert waiting() == [("alice", ["random"]), ("bob", ["new_labeler"])]
        assert plan_reviews() == 0
        assert len(waiting()) == 2

    def test_takes_nothing_of_simulated_labelers(self) -> None:
        make_ready_task(make_prompt(make_campaign(review_percent=100, simulated=True)))
        rank(make_labeler("sim", simulated=True), [1, 2, 3, 4])
        assert plan_reviews() == 1
        assert waiting() == []

    def test_takes_tasks_whose_labelers_disagree_once_they_do(self, alice: Labeler, bob: Labeler) -> None:
        make_ready_task(make_prompt(campaign(review_below_percent=50, rankings_per_task=2)))
        rank(alice, [1, 2, 3, 4])
        plan_reviews()
        assert waiting() == []
        rank(bob, [4, 3, 2, 1])
        plan_reviews()
        assert waiting() == [("several", ["low_agreement"])]

    def test_takes_an_adjudicated_task_again_when_it_is_resubmitted(self, alice: Labeler, bob: Labeler) -> None:
        task = make_ready_task(make_prompt(campaign(review_below_percent=50, rankings_per_task=2)))
        rank(alice, [1, 2, 3, 4])
        rank(bob, [4, 3, 2, 1])
        plan_reviews()
        review = Review.objects.get()
        ranks = dict.fromkeys(task.completions.values_list("pk", flat=True), 1)
        seen = list(Ranking.objects.values_list("pk", flat=True))
        adjudicate(token=str(review.token), reviewer=User.objects.create_user("rita"), ranks=ranks, seen=seen)
        plan_reviews()
        assert waiting() == []
        work = bob.assignments.get()
        revise_ranking(
            labeler=bob,
            token=reopened(bob, work),
            judgements=judgements(work, [1, 2, 3, 4], quality=4),
            active_seconds=1,
        )
        plan_reviews()
        assert waiting() == [("several", ["changed"])]
        assert task.adjudications.count() == 1  # it counts until somebody looked again

    def test_takes_what_a_labeler_makes_of_a_fix(self, alice: Labeler) -> None:
        make_ready_task(make_prompt(campaign(review_percent=100)))
        ranking = rank(alice, [1, 2, 3, 4])
        plan_reviews()
        rita = User.objects.create_user("rita")
        fix_ranking_of(
            token=str(Review.objects.get().token), reviewer=rita, seen=1, note="", strengths=None,
            judgements=judgements(ranking.assignment, [4, 3, 2, 1], quality=3), none_acceptable=False,
        )  # fmt: skip
        plan_reviews()
        assert waiting() == []
        again = judgements(ranking.assignment, [1, 2, 3, 4], quality=5)
        token = reopened(alice, ranking.assignment)
        revise_ranking(labeler=alice, token=token, judgements=again, active_seconds=1)
        plan_reviews()
        assert waiting() == [("alice", [ReviewReason.ANSWERED])]

    def test_takes_labels_that_the_reward_model_doubts_once(self, alice: Labeler) -> None:
        doubted(alice)
        assert request_reviews() == 1
        assert waiting() == [("alice", ["doubtful"])]
        accept(token=str(Review.objects.get().token), reviewer=User.objects.create_user("rita"), seen=1)
        assert request_reviews() == 0


@pytest.mark.django_db
class TestBrokenTasks:
    def test_skipped_as_broken_is_reported_once(self, alice: Labeler) -> None:
        make_ready_task(make_prompt(campaign()))
        held = claim_ranking(labeler=alice)
        assert held is not None
        skip(labeler=alice, token=str(held.token), reason=SkipReason.BROKEN, note="B is cut off.")
        assert (take_up_skipped(), take_up_skipped()) == (1, 0)
        assert BrokenTaskReport.objects.get().text == "B is cut off."

    def test_set_aside_settles_every_report_of_the_task_and_tells_who_reported(
        self, alice: Labeler, bob: Labeler
    ) -> None:
        olga = User.objects.create_user("olga")
        task = make_ready_task(make_prompt(campaign(rankings_per_task=2)))
        reports = []
        for labeler in (alice, bob):
            held = claim_ranking(labeler=labeler)
            assert held is not None
            reports.append(report_broken(assignment=held, text="B is cut off."))
        with pytest.raises(ReasonMissing):
            set_aside_as_reported(report=reports[0], by=olga, reason=" ")
        set_aside_as_reported(report=reports[0], by=olga, reason="Thank you, B is cut off indeed.")
        task.refresh_from_db()
        assert task.state == TaskState.SET_ASIDE
        assert set(BrokenTaskReport.objects.values_list("state", flat=True)) == {"set_aside"}
        for labeler in (alice, bob):
            labeler.refresh_from_db()
            assert labeler.unread_messages == 1
            assert Thread.objects.get(labeler=labeler).messages.get().text == "Thank you, B is cut off indeed."
        with pytest.raises(AlreadyDecided):
            dismiss_report(report=reports[1], by=olga, answer="No.")

    def test_of_a_task_that_is_done_the_prompt_goes_aside(self, alice: Labeler) -> None:
        task = make_ready_task(make_prompt(campaign()))
        ranking = rank(alice, [1, 2, 3, 4])
        report = report_broken(assignment=ranking.assignment, text="It is about a real person.")
        set_aside_as_reported(report=report, by=User.objects.create_user("olga"), reason="Right.")
        task.refresh_from_db()
        assert task.state == TaskState.DONE
        task.prompt.refresh_from_db()
        assert task.prompt.set_aside_reason == "Right."

    def test_dismissed_leaves_the_task_and_tells_why(self, alice: Labeler) -> None:
        task = make_ready_task(make_prompt(campaign()))
        held = claim_ranking(labeler=alice)
        assert held is not None
        report = report_broken(assignment=held, text="B is short.")
        dismiss_report(report=report, by=User.objects.create_user("olga"), answer="Short is fine.")
        task.refresh_from_db()
        assert task.state == TaskState.READY
        assert Thread.objects.get(labeler=alice).messages.get().text == "Short is fine."
