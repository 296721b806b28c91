"""The benchmarks measure what they say: the harness, and the desk's labelers and proof on a few tasks."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import psutil
import pytest
from pytest_django.live_server_helper import LiveServer

from benchmarks import __main__ as everything
from benchmarks import control_room, export, labelers, scale
from benchmarks.desk import clients, mixes, shift, stage
from benchmarks.desk.outcome import Load, Outcome, measures_of, percentile
from benchmarks.desk.web import cpu_seconds
from benchmarks.harness import command, machine
from benchmarks.harness.measure import Measure, json_line, table
from benchmarks.harness.page import last_run, with_figures
from labeling.base.states import SkipReason
from labeling.console.queries.pace import Sampling
from labeling.desk.services.assignments import claim_ranking, skip
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Assignment, Prompt, Ranking, RankingTask
from labeling.ranking_tasks.planning.rules import Supply, verdict_of
from tests.labeling.handed_in import lines

FAST = Measure(
    name="rate", value=250.0, unit="operations/s", better="more", peer="Other 1.2", peer_value=12.5, limit=400
)
SHORT = Measure(name="wait", value=20.0, unit="ms", better="less", peer="Other 1.2", peer_value=10.0)


def main(quick: bool) -> Sequence[Measure]:
    return [SHORT] if quick else [FAST, SHORT]


class TestMeasure:
    def test_a_ratio_over_one_is_better_than_the_peer_whichever_way_better_lies(self) -> None:
        assert FAST.ratio == 20  # 250 a second where the peer does 12.5
        assert SHORT.ratio == 0.5  # twice the peer's wait

    def test_without_a_peer_there_is_no_ratio(self) -> None:
        assert Measure(name="n", value=1, unit="ms", better="less").ratio is None

    def test_a_record_has_the_fields_that_are_promised(self) -> None:
        assert json.loads(json_line(FAST, device="AMD, 2 cores", commit="abc1234")) == {
            "name": "rate",
            "value": 250.0,
            "unit": "operations/s",
            "peer": "Other 1.2",
            "peer_value": 12.5,
            "ratio": 20.0,
            "limit": 400,
            "device": "AMD, 2 cores",
            "commit": "abc1234",
        }

    def test_the_table_leaves_out_columns_that_nobody_fills(self) -> None:
        assert " ".join(table([FAST, SHORT]).split("\n")[0].split()) == "measure value unit peer its value ratio limit"
        assert " ".join(table([SHORT]).split("\n")[0].split()) == "measure value unit peer its value ratio"
        assert "×20" in table([FAST])


class TestCommand:
    def test_a_full_run_is_appended_and_reaches_the_page(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text("Before\n<!-- figures: test_benchmarks -->\n<!-- end of figures -->\nAfter\n")
        for _ in range(2):
            command.run(main, arguments=[], results=tmp_path, pages=[page])
        lines = (tmp_path / "test_benchmarks.jsonl").read_text().splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["rate", "wait"] * 2
        assert "| rate | 250 operations/s | Other 1.2: 12.5 operations/s | ×20 | 400 operations/s |" in page.read_text()
        assert page.read_text().count("| rate |") == 1

    def test_a_quick_run_leaves_figures_and_page_alone(self, tmp_path: Path) -> None:
        command.run(main, arguments=["--quick"], results=tmp_path, pages=[tmp_path / "missing.md"])
        assert [path.name for path in tmp_path.iterdir()] == ["test_benchmarks.quick.jsonl"]

    def test_rows_can_be_measured_apart(self, tmp_path: Path) -> None:
        def in_rows(quick: bool, only: str) -> Sequence[Measure]:
            return [one for one in main(quick) if only in one.name]

        page = tmp_path / "page.md"
        page.write_text("<!-- figures: test_benchmarks -->\n<!-- end of figures -->")
        for only in ("rate", "wait"):
            command.run(in_rows, arguments=["--only", only], results=tmp_path, pages=[page])
        assert "| rate |" in page.read_text()
        assert "| wait |" in page.read_text()

    def test_one_that_could_not_measure_leaves_no_record(self, tmp_path: Path) -> None:
        def nothing(quick: bool) -> Sequence[Measure]:
            return []

        command.run(nothing, arguments=[], results=tmp_path, pages=[tmp_path / "missing.md"])
        assert list(tmp_path.iterdir()) == []

    def test_the_last_run_ends_where_a_measure_comes_again_or_the_commit_changes(self) -> None:
        runs = [("a", 1), ("b", 2), ("a", 2), ("b", 2)]
        records = [{"name": name, "unit": "s", "commit": commit} for name, commit in runs]
        assert last_run(records) == records[2:]
        assert last_run(records[:2]) == records[1:2]

    def test_a_place_may_want_measures_of_one_beginning_and_one_end(self, tmp_path: Path) -> None:
        """Those of several peers, each measured by itself; the last ones of each stay."""
        for commit, peer in (("1", "A"), ("2", "B")):
            measure = Measure(name=f"rate against {peer}", value=1, unit="s", better="less")
            command.record([measure], tmp_path / "one.jsonl", device="here", commit=commit)
        page = "<!-- figures: one, rate … {} -->\n<!-- end of figures -->"
        for peer, other in (("A", "B"), ("B", "A")):
            shown = with_figures(page.format(peer), tmp_path)
            assert f"| rate against {peer} |" in shown
            assert f"rate against {other}" not in shown

    def test_a_busy_machine_is_called_busy(self) -> None:
        assert machine.busy(93.4) == ", 93% busy with other work"
        assert machine.busy(4.0) == ""

    def test_the_commit_and_the_processor_are_known_here(self) -> None:
        assert "core" in machine.processor()
        assert machine.commit()


class TestEveryBenchmark:
    def test_all_are_found_and_nothing_else(self) -> None:
        assert {"http", "train_step"} <= set(everything.names())
        assert not {"__main__", "desk", "harness"} & set(everything.names())

    @pytest.mark.parametrize("name", everything.names())
    def test_it_has_its_place_on_the_page(self, name: str) -> None:
        assert re.search(rf"<!-- figures: {name}(, .+)? -->", command.PAGES[0].read_text())

    @pytest.mark.parametrize("path", command.PAGES, ids=lambda path: path.name)
    def test_the_pages_show_what_was_recorded_last(self, path: Path) -> None:
        page = path.read_text()
        assert "<!-- figures: " in page
        assert with_figures(page, command.RESULTS) == page

    def test_a_place_may_want_some_measures_only(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text("<!-- figures: test_benchmarks, wai -->\n<!-- end of figures -->")
        command.run(main, arguments=[], results=tmp_path, pages=[page])
        assert "| wait |" in page.read_text()
        assert "| rate |" not in page.read_text()

    def test_one_that_fails_stops_no_other_and_is_named(self) -> None:
        assert everything.run_all(["missing", "also_missing"], quick=True) == ["missing", "also_missing"]


class TestProcessorTime:
    def test_a_child_that_ended_still_counts(self) -> None:
        """A connection to PostgreSQL that closes in the middle must not take its share of the time away."""
        me = psutil.Process()
        before = cpu_seconds([me])
        subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
        assert cpu_seconds([me]) - before > 0.03


class TestOutcome:
    OUTCOME = Outcome(
        operations=[[(0.010, 0.020, "a"), (0.030, 0.040, "b")], [(0.050, 0.060, "c")]],
        errors=["Unexpected: GET /work/: 500"],
        seconds=1.5,
        clients_cpu=0.3,
        web_cpu=0.6,
        postgres_cpu=0.9,
    )

    def test_nearest_rank_percentiles(self) -> None:
        assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.0
        assert percentile([float(number) for number in range(1, 101)], 95) == 95.0
        assert percentile([7.0], 95) == 7.0

    def test_what_sixteen_labelers_met(self) -> None:
        """3 operations in 1.5 s are 2 a second; from sending "a" to the page of "b": 20 + 30 ms."""
        load = Load(name="16 clients", labelers=16, operations=3, without_scripts=True)
        measures = measures_of(load, self.OUTCOME, limit=90.0)
        found = {measure.name.removesuffix(", 16 clients"): measure for measure in measures}
        assert found["next + submit"].value == 2.0
        assert found["next + submit"].limit == 90.0
        assert found["next p50"].value == pytest.approx(30)
        assert found["submit p95"].value == pytest.approx(60)
        assert found["submit to next p95"].value == pytest.approx(50)
        assert found["web CPU an operation"].value == pytest.approx(200)
        assert found["CPU an operation"].value == pytest.approx(600)
        assert found["errors"].value == 1

    def test_where_the_next_page_is_the_answer_there_is_one_wait(self) -> None:
        measures = measures_of(Load(name="16 clients", labelers=16, operations=3), self.OUTCOME, limit=90.0)
        waits = [measure.name for measure in measures if measure.name.endswith("p95, 16 clients")]
        assert waits == ["submit to next p95, 16 clients"]

    def test_the_peer_stands_only_beside_what_is_known_of_it(self) -> None:
        crowd = measures_of(Load(name="16 clients", labelers=16, operations=3), self.OUTCOME, limit=90.0)
        alone = measures_of(Load(name="1 client", labelers=1, operations=3), self.OUTCOME, limit=90.0)
        compared = ["next + submit, 16 clients", "submit to next p95, 16 clients"]
        assert [each.name for each in crowd if each.peer] == compared
        assert not any(each.peer for each in alone)


@pytest.mark.django_db(transaction=True)
class TestLabelersAsPrograms:
    @pytest.mark.parametrize("without_scripts", [False, True])
    def test_they_rank_all_there_is_through_the_real_pages(
        self, live_server: LiveServer, without_scripts: bool
    ) -> None:
        set_up = stage.set_stage(tasks=5, labelers=2)
        plan = clients.Plan(
            port=live_server.thread.port,
            accounts=set_up.accounts(),
            password=stage.PASSWORD,
            operations=100,
            seconds=60,
            without_scripts=without_scripts,
        )
        sessions = [clients.log_in(plan.port, account, plan.password) for account in plan.accounts]
        said = clients.run(plan, sessions)
        for session in sessions:
            session.connection.close()
        outcome = Outcome(**said, web_cpu=0, postgres_cpu=0)
        assert outcome.errors == []
        assert outcome.count == 5
        stage.check(set_up, outcome.tokens())

    def test_a_page_that_answers_with_an_error_is_an_error(self, live_server: LiveServer) -> None:
        session = clients.Session(live_server.thread.port)
        with pytest.raises(clients.Unexpected, match="GET /nowhere/: 404"):
            session.get("/nowhere/")
        session.connection.close()

    def test_a_plan_ends_at_its_number_of_operations(self, live_server: LiveServer) -> None:
        set_up = stage.set_stage(tasks=3, labelers=1)
        plan = clients.Plan(
            port=live_server.thread.port, accounts=set_up.accounts(), password=stage.PASSWORD, operations=2, seconds=60,
            without_scripts=False,
        )  # fmt: skip
        session, done = clients.log_in(plan.port, plan.accounts[0], plan.password), clients.Done()
        clients.work(plan, session, count(), done, deadline=float("inf"))
        session.connection.close()
        assert len(done.operations) == 2


@pytest.mark.django_db(transaction=True)
class TestProof:
    def test_the_services_alone_pass_it(self) -> None:
        set_up = stage.set_stage(tasks=4, labelers=2)
        assert stage.without_http(set_up, operations=3) > 0
        tokens = Assignment.objects.filter(state="submitted").values_list("token", flat=True)
        stage.check(set_up, [str(token) for token in tokens])
        assert len(tokens) == 3

    def test_a_ranking_that_was_acknowledged_and_is_not_there(self) -> None:
        set_up = stage.set_stage(tasks=2, labelers=1)
        with pytest.raises(stage.WentWrong, match="acknowledged, but not stored"):
            stage.check(set_up, ["8d9d5a36-0000-4000-8000-000000000000"])

    def test_a_task_that_counts_other_than_it_was_handed_out(self) -> None:
        set_up = stage.set_stage(tasks=2, labelers=1)
        assignment = claim_ranking(labeler=set_up.labelers[0])
        assert assignment is not None
        RankingTask.objects.filter(assignments=assignment).update(rankings_open=0)
        with pytest.raises(stage.WentWrong, match="counted other than handed out"):
            stage.check(set_up, [])

    def test_a_task_that_vanished_from_the_queue(self) -> None:
        set_up = stage.set_stage(tasks=2, labelers=1)
        task = RankingTask.objects.filter(campaign=set_up.campaign)[:1].get()
        RankingTask.objects.filter(pk=task.pk).update(state="set_aside", set_aside_reason="by a test")
        with pytest.raises(stage.WentWrong, match="lost"):
            stage.check(set_up, [])


@pytest.mark.django_db(transaction=True)
def test_what_export_is_measured_beside_holds_the_same_records(tmp_path: Path) -> None:
    stage.set_stage(tasks=2, labelers=3)
    export.rank_all()
    export.copy(tmp_path / "copy")
    written = write_snapshot(tmp_path / "snapshot", kinds=["rankings"])
    files = [file.path for file in written.files if file.kind == "rankings"]
    ours = [ranking for path in files for ranking in lines(tmp_path / "snapshot", path)]
    copied = (tmp_path / "copy").read_text().replace("\\\\", "\\")  # COPY doubles each backslash
    theirs = [json.loads(line) for line in copied.splitlines()]
    assert len(theirs) == 6
    for each in (*ours, *theirs):
        del each["submitted_at"]  # Postgres writes times in its own way
    assert theirs == sorted(ours, key=lambda ranking: ranking["ranking_id"])


@pytest.mark.django_db(transaction=True)
class TestMixes:
    @pytest.mark.parametrize("mix", mixes.MIXES, ids=lambda mix: mix.name)
    def test_the_labeler_is_given_what_is_theirs_and_by_as_few_pages_whatever_is_in_front(self, mix: mixes.Mix) -> None:
        pages = []
        for tasks in (400, 1600):
            labeler = mixes.set_up(mix, tasks=tasks, theirs=3)
            for _ in range(2):
                assignment = claim_ranking(labeler=labeler)
                assert assignment is not None
                assert assignment.prompt.submitter.name == "theirs"
                skip(labeler=labeler, token=str(assignment.token), reason=SkipReason.UNCLEAR)
            pages.append(scale.pages_of_a_claim(labeler))
        assert pages[1] < 1.3 * pages[0]

    def test_rows_are_where_the_triggers_would_have_put_them(self) -> None:
        mixes.set_up(mixes.MIXES[0], tasks=6, theirs=3)
        for work in (RankingTask, Prompt):
            before = list(work.objects.order_by("queue_place").values_list("pk", "queue"))
            work.objects.update(queue=None)  # the triggers draw anew
            after = list(work.objects.order_by("pk").values_list("pk", "queue__language", "queue__kind"))
            assert [pk for pk, *_ in after] == [pk for pk, _ in before]
            assert {row[1:] for row in after} == {("en", "ranking" if work is RankingTask else "demonstration")}


@pytest.mark.django_db(transaction=True)
class TestHumanSpeed:
    def test_who_finds_the_queue_empty_is_counted_until_there_is_work_again(self) -> None:
        """Two labelers, three tasks, about 100 s each: both hand in, one finds the third, the other nothing."""
        set_up = stage.set_stage(tasks=3, labelers=0)
        clock = [0.0]

        def sleep(seconds: float) -> None:
            clock[0] += seconds

        people = shift.people_for(set_up.campaign, count=2)
        found = shift.work(people, seconds=100, lasts=400, now=lambda: clock[0], sleep=sleep)
        stage.check(set_up, [str(token) for token in Assignment.objects.values_list("token", flat=True)])
        assert sum(map(len, found.handed_in.values())) == 3
        assert found.warm is not None
        first, second = sorted(found.empty, key=lambda each: each.since)
        assert found.warm == first.since < second.since < second.until == first.until == 400
        assert [places for _at, places in found.ready][:2] == [3, 1]
        after = sum(at > found.warm for each in found.handed_in.values() for at in each)
        assert after == 1

    def test_a_wait_that_began_in_warm_up_counts_when_it_reaches_beyond(self) -> None:
        """Warm after 100 s. Met at 10 and at 90, until 20 and 130; and at 300, for 5 s."""
        met = [shift.Empty(since=since, until=until) for since, until in ((10, 20), (90, 130), (300, 305))]
        worked = shift.Shift(handed_in={1: [60.0, 200.0], 2: [100.0]}, empty=met, ready=[(0, 8), (120, 16), (390, 24)])
        supply = Supply(window_minutes=30, workers=1, tasks=10, busy_seconds=600)
        verdict = verdict_of(supply, used_per_minute=4, rankings_per_task=1, seconds=60)
        sampling = Sampling(supply=supply, tokens=6000, completions=70, verdict=verdict, failures={}, reports=[])
        plan = labelers.Plan(labelers=2, seconds=60, lasts=400)
        found = {
            each.name.removeprefix("2 labelers, "): each.value for each in labelers.measures(plan, worked, sampling)
        }
        assert found["an empty queue was met after warm-up"] == 2
        assert found["longest wait for a task after warm-up"] == 40
        assert found["rankings handed in after warm-up"] == pytest.approx(0.2)
        assert found["work ready for all of them after warm-up, least"] == 8
        assert found["tasks that this machine sustains, says the planner"] == 1

    def test_without_a_ranking_of_everybody_there_are_no_figures(self) -> None:
        supply = Supply(window_minutes=30, workers=0, tasks=0, busy_seconds=0)
        sampling = Sampling(supply=supply, tokens=0, completions=0, verdict=None, failures={}, reports=[])
        with pytest.raises(labelers.NothingReady):
            labelers.measures(labelers.Plan(), shift.Shift(handed_in={1: [], 2: [5.0]}), sampling)


@pytest.mark.django_db
def test_the_control_rooms_rows_are_such_as_its_tables_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_room, "LABELERS", 3)
    browser = control_room._set_up(90)
    assert Ranking.objects.count() == 90
    control_room._look(browser)
