"""One ranking a task: the consensus of several labelers, or a reviewer's adjudication, through every door."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from labeling.base.refusals import SnapshotRefused
from labeling.base.states import LabelerGroup, LabelsChosen, ReviewReason
from labeling.desk.services.accounts import close_account
from labeling.exports.forms import ExportForm
from labeling.exports.queries import rankings_with_exclusion
from labeling.exports.services.exclusions import leave_out
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Adjudication, Labeler, Ranking, RankingTask
from labeling.review.services.adjudications import adjudicate
from labeling.review.services.fixing import fix_ranking_of
from labeling.review.services.reviews import request_adjudication, request_review
from lm.snapshot.reading import open_snapshot
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler
from tests.labeling.handed_in import a_task, bytes_of, judgements, lines, rank

pytestmark = pytest.mark.django_db
TRAIN = "rankings/train.jsonl"


@pytest.fixture
def rita(db: None) -> User:
    return User.objects.create_user("rita")


def three() -> list[Labeler]:
    return [make_labeler(name) for name in ("alice", "bob", "carl")]


def ranked_by(labelers: list[Labeler], orders: list[list[int]], **what: Any) -> RankingTask:
    task = a_task(campaign=make_campaign(rankings_per_task=len(labelers)))
    for labeler, order in zip(labelers, orders, strict=True):
        rank(labeler, order, **what)
    return task


def adjudicated(task: RankingTask, by: User, ranks: list[int]) -> Adjudication:
    review = request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
    counted = Ranking.objects.filter(task=task).last_revisions().values_list("pk", flat=True)
    completions = task.completions.order_by("pk").values_list("pk", flat=True)
    by_completion = dict(zip(completions, ranks, strict=True))
    return adjudicate(token=str(review.token), reviewer=by, ranks=by_completion, seen=list(counted))


def ranks_in(record: dict[str, Any]) -> list[int]:
    return [completion["rank"] for completion in record["completions"]]


class TestConsensus:
    def test_is_one_ranking_with_its_votes_that_the_trainer_reads(self, tmp_path: Path) -> None:
        people = three()
        task = ranked_by(people, [[1, 2, 3, 4], [2, 1, 3, 4], [1, 2, 4, 3]], quality=5, flags=["hallucination"])
        manifest = write_snapshot(tmp_path / "out", kinds=["rankings", "pairs"], labels="consensus", margins=True)
        (record,) = lines(tmp_path / "out", TRAIN)
        assert ranks_in(record) == [1, 2, 3, 4]
        assert (record["label"], record["labeler"], record["task_id"]) == ("consensus", None, task.pk)
        assert record["completions"][0]["quality"] == 5
        assert record["completions"][0]["flags"] == ["hallucination"]
        assert record["active_seconds"] == pytest.approx(3 * 91.5)
        first, second, *_ = [completion["completion_id"] for completion in record["completions"]]
        votes = {(vote["first"], vote["second"]): vote for vote in record["consensus"]["votes"]}
        assert votes[first, second] == {"first": first, "second": second, "above": 2, "below": 1, "tied": 0}
        assert record["consensus"]["rankings"] == sorted(Ranking.objects.values_list("pk", flat=True))
        margins = [pair["margin"] for pair in lines(tmp_path / "out", "pairs/train.jsonl")]
        assert margins == pytest.approx([1 / 3, 1, 1, 1, 1, 1 / 3])
        assert manifest.filters["labels"] == "consensus"
        assert manifest.counts["train"]["consensus"] == 1
        assert "their consensus by ranked pairs" in (tmp_path / "out" / "README.md").read_text()
        assert [ranking.ranks for ranking in open_snapshot(tmp_path / "out").rankings("train")] == [(1, 2, 3, 4)]

    def test_of_one_labeler_is_their_ranking_as_it_is(self, tmp_path: Path, alice: Labeler) -> None:
        a_task()
        rank(alice, [2, 1, 2, 3], note="hm", quality=3)
        write_snapshot(tmp_path / "all", kinds=["rankings"])
        write_snapshot(tmp_path / "one", kinds=["rankings"], labels="consensus")
        assert lines(tmp_path / "all", TRAIN) == lines(tmp_path / "one", TRAIN)

    def test_of_people_who_contradict_each_other_is_a_tie(self, tmp_path: Path) -> None:
        ranked_by(three()[:2], [[1, 2, 3, 4], [4, 3, 2, 1]])
        write_snapshot(tmp_path / "out", kinds=["rankings"], labels="consensus")
        (record,) = lines(tmp_path / "out", TRAIN)
        assert ranks_in(record) == [1, 1, 1, 1]

    def test_gives_labels_that_are_left_out_no_vote_but_those_of_closed_accounts(
        self, tmp_path: Path, rita: User
    ) -> None:
        people = three()
        ranked_by(people, [[1, 2, 3, 4], [1, 2, 3, 4], [4, 3, 2, 1]])
        close_account(user=people[0].user, by=rita)
        leave_out(target=people[1], reason="Clicks at random.")
        write_snapshot(tmp_path / "out", kinds=["rankings"], labels="consensus")
        (record,) = lines(tmp_path / "out", TRAIN)
        assert ranks_in(record) == [1, 1, 1, 1]  # one against one
        assert len(record["consensus"]["rankings"]) == 2
        assert rankings_with_exclusion(Ranking.objects.all()).exclude(excluded="").count() == 1

    def test_of_held_out_labelers_is_theirs_alone(self, tmp_path: Path, rita: User) -> None:
        held = [make_labeler(name, group=LabelerGroup.HELD_OUT) for name in ("hal", "hank")]
        task = ranked_by([*held, make_labeler("alice")], [[1, 2, 3, 4], [1, 2, 3, 4], [4, 3, 2, 1]])
        adjudicated(task, rita, [4, 3, 2, 1])
        write_snapshot(tmp_path / "out", kinds=["rankings"], labels="consensus", held_out=True)
        (record,) = lines(tmp_path / "out", "rankings/held_out.jsonl")
        assert ranks_in(record) == [1, 2, 3, 4]
        with pytest.raises(SnapshotRefused, match="nobody's own work"):
            write_snapshot(tmp_path / "no", kinds=["rankings"], labels="adjudicated", held_out=True)


class TestAdjudicated:
    def test_tasks_are_as_the_reviewer_ordered_them(self, tmp_path: Path, rita: User) -> None:
        people = three()
        task = ranked_by(people, [[1, 2, 3, 4], [4, 3, 2, 1], [1, 2, 3, 4]])
        ranked_by(people, [[1, 2, 3, 4]] * 3)
        made = adjudicated(task, rita, [2, 1, 1, 3])
        for labels, count in (("adjudicated", 1), ("consensus", 2)):
            write_snapshot(tmp_path / labels, kinds=["rankings"], labels=labels)
            records = lines(tmp_path / labels, TRAIN)
            assert len(records) == count
            assert (ranks_in(records[0]), records[0]["label"]) == ([2, 1, 1, 3], "adjudicated")
            assert records[0]["ranking_id"] > 2_000_000_000_000
            assert records[0]["revision"] == made.number
        assert "a reviewer adjudicated" in (tmp_path / "adjudicated" / "README.md").read_text()

    def test_the_same_time_gives_the_same_bytes_whatever_is_adjudicated_later(self, tmp_path: Path, rita: User) -> None:
        people = three()
        task = ranked_by(people, [[1, 2, 3, 4], [4, 3, 2, 1], [1, 2, 3, 4]])
        before = write_snapshot(tmp_path / "before", kinds=["rankings"], labels="consensus")
        adjudicated(task, rita, [4, 3, 2, 1])
        after = write_snapshot(tmp_path / "after", kinds=["rankings"], labels="consensus")
        write_snapshot(tmp_path / "again", kinds=["rankings"], labels="consensus", as_of=before.as_of)
        assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "before")
        newer = {"kinds": ["rankings"], "labels": "consensus", "since": before.as_of, "as_of": after.as_of}
        write_snapshot(tmp_path / "newer", **newer)  # type: ignore[arg-type]
        (record,) = lines(tmp_path / "newer", TRAIN)
        assert record["label"] == "adjudicated"
        assert len(record["consensus"]["rankings"]) == 3  # also those from before


def test_a_fix_is_exported_in_its_labeler_s_name_and_says_so(tmp_path: Path, alice: Labeler, rita: User) -> None:
    a_task()
    ranking = rank(alice, [1, 2, 3, 4])
    review = request_review(label=ranking, reason=ReviewReason.RANDOM)
    assert review is not None
    fix_ranking_of(
        token=str(review.token), reviewer=rita, seen=1, note="", strengths=None, none_acceptable=False,
        judgements=judgements(ranking.assignment, [4, 3, 2, 1], quality=3),
    )  # fmt: skip
    write_snapshot(tmp_path / "out", kinds=["rankings"])
    (record,) = lines(tmp_path / "out", TRAIN)
    assert (record["fixed"], record["revision"], record["labeler"]) == (True, 2, alice.pseudonym)


class TestDoors:
    def test_the_command_says_which(self, tmp_path: Path) -> None:
        ranked_by(three(), [[1, 2, 3, 4]] * 3)
        call_command("export_comparisons", "--output", str(tmp_path / "out"), "--labels", "consensus", verbosity=0)
        assert json.loads((tmp_path / "out" / "manifest.json").read_text())["filters"]["labels"] == "consensus"

    def test_the_admin_form_passes_it_on(self) -> None:
        form = ExportForm({"rankings": "on", "labels": "adjudicated"})
        assert form.is_valid()
        assert form.cleaned_data["options"]["labels"] == LabelsChosen.ADJUDICATED
        assert 'name="labels"' in admin_browser().get("/admin/labeling/snapshot/export/").text

    def test_what_there_is_not_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SnapshotRefused, match="no labels “best”"):
            write_snapshot(tmp_path / "out", labels="best")
        with pytest.raises(SnapshotRefused, match="Demonstrations are not combined"):
            write_snapshot(tmp_path / "out", kinds=["demonstrations"], labels="consensus")
