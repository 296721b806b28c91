"""Reviews decided by services: what each leaves behind, what is refused, and what happens in the middle."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from labeling.base.refusals import AlreadyDecided, LabelerNotActive, OwnWork, ReasonMissing, ReviewRefused
from labeling.base.states import LabelerState, ReviewReason, ReviewState
from labeling.desk.demonstrating.services import revise_demonstration
from labeling.desk.ranking.services import revise_ranking
from labeling.desk.services.accounts import close_account
from labeling.desk.services.leases import suspend_labeler
from labeling.models import Adjudication, Labeler, Ranking, RankingTask, Review, Thread
from labeling.people.services import change_labeler_state
from labeling.review.queries.queue import Sought, counts_by_reason, queue_rows, waiting_for
from labeling.review.services.adjudications import adjudicate
from labeling.review.services.fixing import fix_demonstration_of, fix_ranking_of
from labeling.review.services.reviews import (
    accept,
    request_adjudication,
    request_review,
    return_to_labeler,
    settle_answered,
    take_back,
    take_next,
)
from labeling.review.services.threads import write_as_labeler
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import judgements, rank, reopened, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def rita(db: None) -> User:
    """Rita reviews."""
    return User.objects.create_user("rita")


def asked(ranking: Ranking, reason: ReviewReason = ReviewReason.ASKED_FOR) -> str:
    review = request_review(label=ranking, reason=reason)
    assert review is not None
    return str(review.token)


def ranked(labeler: Labeler, ranks: list[int] | None = None) -> Ranking:
    make_ready_task(make_prompt(make_campaign()))
    return rank(labeler, ranks or [1, 2, 3, 4])


def ranked_by(*labelers: Labeler, ranks: list[list[int]]) -> RankingTask:
    task = make_ready_task(make_prompt(make_campaign(rankings_per_task=len(labelers))))
    for labeler, order in zip(labelers, ranks, strict=True):
        rank(labeler, order)
    return task


class TestOneLabel:
    def test_accepted_work_stays_as_it_is(self, alice: Labeler, rita: User) -> None:
        token = asked(ranked(alice))
        review = accept(token=token, reviewer=rita, seen=1)
        assert (review.state, review.reviewer, review.revision) == (ReviewState.ACCEPTED, rita, 1)
        assert Ranking.objects.count() == 1
        with pytest.raises(AlreadyDecided, match="by rita: Accepted"):
            return_to_labeler(token=token, reviewer=rita, seen=1, text="No.")

    def test_returned_work_comes_back_once_it_is_revised(self, alice: Labeler, rita: User) -> None:
        ranking = ranked(alice)
        token = asked(ranking)
        return_to_labeler(token=token, reviewer=rita, seen=1, text="C invents a date.")
        alice.refresh_from_db()
        assert alice.unread_messages == 1
        assert settle_answered() == 0
        assert not waiting_for(rita).exists()

        assignment = ranking.assignment
        revise_ranking(
            labeler=alice, token=reopened(alice, assignment),
            judgements=judgements(assignment, [1, 2, 4, 3], quality=4), active_seconds=5,
        )  # fmt: skip
        assert settle_answered() == 1
        assert settle_answered() == 0
        again = waiting_for(rita).get()
        assert again.reasons == [ReviewReason.ANSWERED]
        assert again.follows is not None
        assert again.follows.state == ReviewState.ANSWERED
        assert again.follows.text == "C invents a date."
        accept(token=str(again.token), reviewer=rita, seen=2)

    def test_an_answer_comes_back_without_a_revision(self, alice: Labeler, rita: User) -> None:
        ranking = ranked(alice)
        return_to_labeler(token=asked(ranking), reviewer=rita, seen=1, text="Why is C last?")
        write_as_labeler(labeler=alice, text="It invents a date.", work=ranking.assignment)
        assert settle_answered() == 1
        said = Thread.objects.get(assignment=ranking.assignment)
        assert [message.text for message in said.messages.all()] == ["Why is C last?", "It invents a date."]
        assert (said.labeler_unread, said.staff_unread) == (1, 1)

    def test_what_was_returned_is_revised_however_much_came_after(self, alice: Labeler, rita: User) -> None:
        campaign = make_campaign(ranking_tasks_per_prompt=0)
        for _ in range(52):
            make_prompt(campaign)
        first = write(alice, "The first.")
        for number in range(51):
            write(alice, f"Number {number}.")
        label = first.demonstrations.get()
        review = request_review(label=label, reason=ReviewReason.RANDOM)
        assert review is not None
        return_to_labeler(token=str(review.token), reviewer=rita, seen=1, text="Say more.")
        revised = revise_demonstration(
            labeler=alice, token=reopened(alice, first), text="The first, at length.", active_seconds=3
        )
        assert revised is not None
        first.refresh_from_db()
        assert first.returned_at is None

    def test_a_fix_is_the_next_revision_and_says_whose_it_is(self, alice: Labeler, rita: User) -> None:
        ranking = ranked(alice)
        review = fix_ranking_of(
            token=asked(ranking), reviewer=rita, seen=1,
            judgements=judgements(ranking.assignment, [4, 3, 2, 1], quality=5), note="Turned.", strengths=None,
            none_acceptable=False, text="The order was upside down.",
        )  # fmt: skip
        assert (review.state, review.revision) == (ReviewState.FIXED, 2)
        both = Ranking.objects.order_by("revision")
        assert [(each.labeler, each.fixed_by, each.note) for each in both] == [
            (alice, None, ""), (alice, rita, "Turned."),
        ]  # fmt: skip
        assert Thread.objects.get(assignment=ranking.assignment).messages.get().text == "The order was upside down."

    def test_a_fix_that_changes_nothing_is_refused(self, alice: Labeler, rita: User) -> None:
        make_prompt(make_campaign(ranking_tasks_per_prompt=0))
        work = write(alice, "A leaf.")
        review = request_review(label=work.demonstrations.get(), reason=ReviewReason.RANDOM)
        assert review is not None
        with pytest.raises(ReviewRefused, match="Nothing is changed"):
            fix_demonstration_of(token=str(review.token), reviewer=rita, seen=1, demonstration="A leaf.")
        fix_demonstration_of(token=str(review.token), reviewer=rita, seen=1, demonstration="A dried leaf.")
        last = work.demonstrations.latest("revision")
        assert (last.revision, last.text, last.fixed_by, last.labeler) == (2, "A dried leaf.", rita, alice)

    def test_a_return_says_why(self, alice: Labeler, rita: User) -> None:
        with pytest.raises(ReasonMissing):
            return_to_labeler(token=asked(ranked(alice)), reviewer=rita, seen=1, text=" \n")

    def test_nobody_reviews_their_own_work(self, alice: Labeler) -> None:
        token = asked(ranked(alice))
        assert not waiting_for(alice.user).exists()
        assert take_next(reviewer=alice.user) is None
        with pytest.raises(OwnWork):
            accept(token=token, reviewer=alice.user, seen=1)

    def test_a_revision_that_came_meanwhile_is_looked_at_first(self, alice: Labeler, rita: User) -> None:
        ranking = ranked(alice)
        token = asked(ranking)
        assignment = ranking.assignment
        revise_ranking(
            labeler=alice, token=reopened(alice, assignment),
            judgements=judgements(assignment, [1, 1, 2, 3], quality=4), active_seconds=5,
        )  # fmt: skip
        for decision in (accept, return_to_labeler):
            with pytest.raises(ReviewRefused, match="revised it while you looked"):
                decision(token=token, reviewer=rita, seen=1, text="Well.")
        accept(token=token, reviewer=rita, seen=2)

    def test_further_reasons_join_the_review_that_waits(self, alice: Labeler, rita: User) -> None:
        ranking = ranked(alice)
        asked(ranking, ReviewReason.RANDOM)
        asked(ranking, ReviewReason.DOUBTFUL)
        asked(ranking, ReviewReason.DOUBTFUL)
        review = Review.objects.get()
        assert review.reasons == ["random", "doubtful"]
        assert counts_by_reason(rita) == {"random": 1, "doubtful": 1}
        return_to_labeler(token=str(review.token), reviewer=rita, seen=1, text="Why?")
        assert request_review(label=ranking, reason=ReviewReason.ASKED_FOR) is None


class TestPeopleWhoAreGone:
    def test_work_of_a_closed_account_is_accepted_or_fixed_but_not_returned(self, alice: Labeler, rita: User) -> None:
        ranking = ranked(alice)
        token = asked(ranking)
        close_account(user=alice.user, by=rita)
        (row,) = queue_rows(rita, waiting_for(rita))
        assert row.labeler == alice.pseudonym
        with pytest.raises(ReviewRefused, match="account of this labeler is closed"):
            return_to_labeler(token=token, reviewer=rita, seen=1, text="Why?")
        fix_ranking_of(
            token=token, reviewer=rita, seen=1, judgements=judgements(ranking.assignment, [2, 1, 3, 4], quality=5),
            note="", strengths=None, none_acceptable=False, text="Told to nobody.",
        )  # fmt: skip
        assert Ranking.objects.count() == 2

    def test_a_labeler_suspended_in_the_middle_may_answer_and_not_revise_until_they_are_back(
        self, alice: Labeler, rita: User
    ) -> None:
        ranking = ranked(alice)
        return_to_labeler(token=asked(ranking), reviewer=rita, seen=1, text="Why is C last?")
        begun = reopened(alice, ranking.assignment)
        suspend_labeler(labeler=alice)
        revised = judgements(ranking.assignment, [1, 2, 4, 3], quality=4)
        with pytest.raises(LabelerNotActive):
            revise_ranking(labeler=alice, token=begun, judgements=revised, active_seconds=1)
        assert settle_answered() == 0
        alice.refresh_from_db()
        change_labeler_state(labeler=alice, state=LabelerState.ACTIVE)
        revise_ranking(labeler=alice, token=begun, judgements=revised, active_seconds=1)
        assert settle_answered() == 1

    def test_a_reviewer_takes_back_what_nobody_answers(self, alice: Labeler, rita: User) -> None:
        ranking = ranked(alice)
        token = asked(ranking)
        return_to_labeler(token=token, reviewer=rita, seen=1, text="Why?")
        suspend_labeler(labeler=alice)
        again = take_back(token=token, reviewer=rita)
        ranking.assignment.refresh_from_db()
        assert ranking.assignment.returned_at is None
        assert Review.objects.get(token=token).state == ReviewState.WITHDRAWN
        accept(token=str(again.token), reviewer=rita, seen=1)
        with pytest.raises(AlreadyDecided):
            take_back(token=token, reviewer=rita)


class TestSeveralRankings:
    def test_an_adjudication_stands_above_them_and_touches_none(self, alice: Labeler, bob: Labeler, rita: User) -> None:
        task = ranked_by(alice, bob, ranks=[[1, 2, 3, 4], [4, 3, 2, 1]])
        review = request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
        completions = list(task.completions.values_list("pk", flat=True))
        seen = list(Ranking.objects.values_list("pk", flat=True))
        ranks = dict(zip(completions, [2, 2, 5, 9], strict=True))
        made = adjudicate(token=str(review.token), reviewer=rita, ranks=ranks, seen=seen, note="B is as good as A.")
        assert list(made.completions.order_by("completion").values_list("rank", flat=True)) == [1, 1, 2, 3]
        assert (made.number, sorted(made.rankings)) == (1, sorted(seen))
        assert Ranking.objects.count() == 2
        with pytest.raises(AlreadyDecided):  # sent twice
            adjudicate(token=str(review.token), reviewer=rita, ranks=ranks, seen=seen)
        assert Adjudication.objects.count() == 1

    def test_who_ranked_it_does_not_adjudicate_it(self, alice: Labeler, bob: Labeler) -> None:
        task = ranked_by(alice, bob, ranks=[[1, 2, 3, 4], [4, 3, 2, 1]])
        review = request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
        assert not waiting_for(bob.user, Sought(kind="adjudication")).exists()
        with pytest.raises(OwnWork):
            accept(token=str(review.token), reviewer=bob.user, seen=None)

    def test_a_ranking_that_came_meanwhile_is_looked_at_first(self, alice: Labeler, bob: Labeler, rita: User) -> None:
        task = ranked_by(alice, bob, ranks=[[1, 2, 3, 4], [4, 3, 2, 1]])
        review = request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
        ranks = dict.fromkeys(task.completions.values_list("pk", flat=True), 1)
        with pytest.raises(ReviewRefused, match="came or changed while you looked"):
            adjudicate(token=str(review.token), reviewer=rita, ranks=ranks, seen=[Ranking.objects.first().pk])  # type: ignore[union-attr]

    def test_one_ranking_is_nothing_to_adjudicate(self, alice: Labeler) -> None:
        with pytest.raises(ReviewRefused, match="Fewer than two labelers"):
            request_adjudication(task=ranked(alice).task, reason=ReviewReason.ASKED_FOR)

    def test_postgresql_refuses_an_adjudication_that_leaves_a_completion_out(
        self, alice: Labeler, bob: Labeler, rita: User
    ) -> None:
        task = ranked_by(alice, bob, ranks=[[1, 2, 3, 4], [4, 3, 2, 1]])
        review = request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
        with pytest.raises(IntegrityError, match="does not cover exactly"), transaction.atomic():  # noqa: PT012
            made = Adjudication.objects.create(
                task=task, review=review, adjudicator=rita, rankings=[], decided_at=timezone.now()
            )
            made.completions.create(completion=task.completions.earliest("pk"), rank=1)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_two_reviewers_are_given_different_work(alice: Labeler, rita: User) -> None:
    first, second = asked(ranked(alice)), asked(ranked(alice), ReviewReason.ANSWERED)
    rolf = User.objects.create_user("rolf")
    taken = take_next(reviewer=rita)
    assert taken is not None
    assert str(taken.token) == second  # the more urgent
    other = take_next(reviewer=rolf)
    assert other is not None
    assert str(other.token) == first
    assert take_next(reviewer=User.objects.create_user("ruth")) is None
    assert take_next(reviewer=rita) == taken
    held = {row.token: row.held_by for row in queue_rows(rita, waiting_for(rita))}
    assert held == {second: "", first: "rolf"}


def test_labelers_do_not_meet_each_other_s_names(alice: Labeler, rita: User) -> None:
    asked(ranked(make_labeler("carla.somebody@example.org")))
    (row,) = queue_rows(rita, waiting_for(rita))
    assert row.labeler.startswith("L")
