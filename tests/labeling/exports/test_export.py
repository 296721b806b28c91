"""What a snapshot holds, seen through the files that training reads."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.export_lock import settled_now
from labeling.base.refusals import NothingToExport, SnapshotRefused
from labeling.base.states import LabelerGroup
from labeling.campaigns.rules.splits import split_of
from labeling.desk.demonstrating.services import import_demonstrations, revise_demonstration
from labeling.desk.ranking.rules.pairs import usable_pairs
from labeling.desk.ranking.services import revise_ranking
from labeling.exports.services.records.pairs import pair_records
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Completion, Labeler, Prompt, Ranking, SamplingRun, Submitter
from labeling.ranking_tasks.services.tasks import make_task, mark_ready
from lm.snapshot.manifest import verify_snapshot
from lm.snapshot.reading import open_snapshot
from lm.snapshot.records.written import RankingRecord
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import a_task, bytes_of, in_split, judgements, lines, rank, reopened, talk, write

pytestmark = pytest.mark.django_db

RANKING_KEYS = [
    "schema", "ranking_id", "revision", "task_id", "prompt_id", "campaign", "split", "prompt", "completions",
    "strengths", "none_acceptable", "labeler", "labeler_group", "simulated", "use_case", "language", "source",
    "instruction_version", "rubric_version", "active_seconds", "submitted_at", "imported",
    "label", "fixed", "consensus",
]  # fmt: skip
COMPLETION_KEYS = [
    "completion_id", "text", "rank", "quality", "flags", "note", "shown_position", "model", "model_version_id",
    "temperature", "top_p", "seed", "tokens", "finish_reason", "mean_logprob", "best_of", "edited", "demonstration_id",
]  # fmt: skip
DEMONSTRATION_KEYS = [
    "schema", "demonstration_id", "revision", "prompt_id", "campaign", "split", "prompt", "completion", "labeler",
    "labeler_group", "simulated", "use_case", "language", "source", "instruction_version", "active_seconds",
    "submitted_at", "suggestion", "fixed", "prompt_source",
]  # fmt: skip


class TestRankings:
    def test_hold_everything_that_the_contract_names_in_its_order(self, tmp_path: Path, alice: Labeler) -> None:
        task = a_task(text="Which colour?", campaign=make_campaign(slug="colours"))
        ranking = rank(alice, [2, 1, 2, 3], quality=5, flags=["hallucination"], note="hm")

        write_snapshot(tmp_path / "out", kinds=["rankings"])

        (record,) = lines(tmp_path / "out", "rankings/train.jsonl")
        assert list(record) == RANKING_KEYS
        assert record | {"completions": None, "submitted_at": None} == {
            "schema": 1,
            "ranking_id": ranking.pk,
            "revision": 1,
            "task_id": task.pk,
            "prompt_id": task.prompt_id,
            "campaign": "colours",
            "split": "train",
            "prompt": [{"role": "user", "content": "Which colour?"}],
            "completions": None,
            "strengths": None,
            "none_acceptable": False,
            "labeler": f"L{alice.pk}",
            "labeler_group": "training",
            "simulated": False,
            "use_case": "open_qa",
            "language": "en",
            "source": "import",
            "instruction_version": 1,
            "rubric_version": 1,
            "active_seconds": 91.5,
            "submitted_at": None,
            "imported": None,
            "label": "labeler",
            "fixed": False,
            "consensus": None,
        }
        assert datetime.fromisoformat(record["submitted_at"]) == Ranking.objects.get().submitted_at
        assert record["submitted_at"].endswith("Z")
        assert len(record["submitted_at"]) == len("2026-01-02T03:04:05.000006Z")
        completions = record["completions"]
        assert [list(completion) for completion in completions] == [COMPLETION_KEYS] * 4
        assert [(completion["text"], completion["rank"]) for completion in completions] == [
            ("Red.", 2), ("Green.", 1), ("Blue.", 2), ("Grey.", 3),
        ]  # fmt: skip
        assert sorted(completion["shown_position"] for completion in completions) == [1, 2, 3, 4]
        assert completions[0] | {"completion_id": 0, "shown_position": 0} == {
            "completion_id": 0,
            "text": "Red.",
            "rank": 2,
            "quality": 5,
            "flags": ["hallucination"],
            "note": "hm",
            "shown_position": 0,
            "model": "secret-model",
            "model_version_id": None,
            "temperature": None,
            "top_p": None,
            "seed": None,
            "tokens": None,
            "finish_reason": "imported",
            "mean_logprob": None,
            "best_of": None,
            "edited": False,
            "demonstration_id": None,
        }

    def test_hold_strengths_and_none_acceptable_as_they_were_said_and_the_trainer_reads_them(
        self, tmp_path: Path
    ) -> None:
        a_task("train")
        rank(make_labeler("alice"), [2, 1, 2, 3], strengths=[4, 1], none_acceptable=True)

        write_snapshot(tmp_path / "out", kinds=["rankings"])

        (record,) = lines(tmp_path / "out", "rankings/train.jsonl")
        assert (record["strengths"], record["none_acceptable"]) == ([4, 1], True)
        (ranking,) = open_snapshot(tmp_path / "out").rankings("train")
        assert ranking.strengths == (4, 1)

    def test_never_name_the_labeler(self, tmp_path: Path) -> None:
        a_task()
        rank(make_labeler("alice.liddell@example.org"), [1, 2, 3, 4])

        write_snapshot(tmp_path / "out", kinds=["rankings", "pairs"])

        assert not any(b"liddell" in content for content in bytes_of(tmp_path / "out").values())

    def test_are_what_the_trainer_reads(self, tmp_path: Path, alice: Labeler) -> None:
        campaign = make_campaign()
        a_task("train", campaign=campaign)
        a_task("valid", campaign=campaign)
        rank(alice, [1, 1, 2, 3])
        rank(alice, [4, 3, 2, 1])

        manifest = write_snapshot(tmp_path / "out", kinds=["rankings"])

        snapshot = open_snapshot(tmp_path / "out")
        assert snapshot.sha256 == manifest.sha256
        assert snapshot.splits("rankings") == ["train", "valid"]
        assert [ranking.ranks for ranking in snapshot.rankings("train")] == [(1, 1, 2, 3)]
        assert [ranking.ranks for ranking in snapshot.rankings("valid")] == [(4, 3, 2, 1)]

    def test_take_as_many_statements_for_many_as_for_one(self, tmp_path: Path, alice: Labeler) -> None:
        campaign = make_campaign()

        def statements(name: str) -> int:
            with CaptureQueriesContext(connection) as queries:
                write_snapshot(tmp_path / name, kinds=["rankings", "pairs"])
            return len(queries)

        a_task(campaign=campaign)
        rank(alice, [1, 2, 3, 4])
        for_one = statements("one")
        for _ in range(12):
            a_task(campaign=campaign)
            rank(alice, [1, 2, 3, 4])
        assert statements("many") == for_one

    def test_keep_text_of_every_script_as_it_is(self, tmp_path: Path) -> None:
        texts = ["春眠不觉晓，", "naïve \u2028 line", 'quoted "\\"', "emoji 🙂\ttab\nline"]
        make_ready_task(
            make_prompt(make_campaign(), text="写一句诗\u0085。", submitter=in_split("train")[0]), texts=texts
        )
        rank(make_labeler("alice"), [1, 2, 3, 4])

        write_snapshot(tmp_path / "out", kinds=["rankings"])

        raw = (tmp_path / "out/rankings/train.jsonl").read_bytes()
        assert raw.count(b"\n") == 1
        assert "春眠不觉晓，" in raw.decode()
        record = json.loads(raw)
        assert [completion["text"] for completion in record["completions"]] == texts
        assert record["prompt"][0]["content"] == "写一句诗\u0085。"


class TestRevisions:
    def test_only_the_last_one_counts_and_only_once_it_was_handed_in(self, tmp_path: Path, alice: Labeler) -> None:
        a_task()
        first = rank(alice, [1, 2, 3, 4])
        between = settled_now()
        second = revise_ranking(
            labeler=alice,
            token=reopened(alice, first.assignment),
            judgements=judgements(first.assignment, [4, 3, 2, 1]),
            active_seconds=10,
        )

        assert second is not None
        write_snapshot(tmp_path / "before", kinds=["rankings"], as_of=between)
        write_snapshot(tmp_path / "after", kinds=["rankings"])

        (before,) = lines(tmp_path / "before", "rankings/train.jsonl")
        (after,) = lines(tmp_path / "after", "rankings/train.jsonl")
        assert (before["ranking_id"], before["revision"]) == (first.pk, 1)
        assert (after["ranking_id"], after["revision"]) == (second.pk, 2)
        assert [completion["rank"] for completion in after["completions"]] == [4, 3, 2, 1]

    def test_a_demonstration_is_its_last_revision_as_of_the_time(self, tmp_path: Path, alice: Labeler) -> None:
        make_prompt(make_campaign(), submitter=in_split("train")[0])
        assignment = write(alice, "First.")
        between = settled_now()
        revise_demonstration(labeler=alice, token=reopened(alice, assignment), text="Second.", active_seconds=1)
        revise_demonstration(labeler=alice, token=reopened(alice, assignment), text="Third.", active_seconds=1)

        write_snapshot(tmp_path / "before", kinds=["demonstrations"], as_of=between)
        write_snapshot(tmp_path / "after", kinds=["demonstrations"])

        (before,) = lines(tmp_path / "before", "demonstrations/train.jsonl")
        (after,) = lines(tmp_path / "after", "demonstrations/train.jsonl")
        assert (before["revision"], before["completion"][0]["content"]) == (1, "First.")
        assert (after["revision"], after["completion"][0]["content"]) == (3, "Third.")

    def test_two_labelers_of_one_task_both_count(self, tmp_path: Path, bob: Labeler) -> None:
        a_task(campaign=make_campaign(rankings_per_task=2))
        rank(make_labeler("alice"), [1, 2, 3, 4])
        rank(bob, [4, 3, 2, 1])

        manifest = write_snapshot(tmp_path / "out", kinds=["rankings"])

        assert manifest.counts == {"train": {"rankings": 2, "usable_pairs": 12, "prompts": 1, "labelers": 2}}

    def test_the_same_time_gives_the_same_bytes_whatever_happens_later(self, tmp_path: Path, alice: Labeler) -> None:
        campaign = make_campaign()
        for split in ("train", "valid", "test"):
            a_task(split, campaign=campaign)
        rank(alice, [1, 2, 2, 1])
        rank(alice, [1, 1, 1, 1])
        kinds = ["rankings", "pairs"]

        first = write_snapshot(tmp_path / "first", kinds=kinds)
        rank(alice, [4, 3, 2, 1])
        alice.group = LabelerGroup.HELD_OUT
        alice.save()
        second = write_snapshot(tmp_path / "second", kinds=kinds, as_of=first.as_of)

        assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")
        assert first == second

    def test_the_moment_itself_is_inside(self, tmp_path: Path) -> None:
        a_task()
        ranking = rank(make_labeler("alice"), [1, 2, 3, 4])
        ranking.refresh_from_db()

        write_snapshot(tmp_path / "out", kinds=["rankings"], as_of=ranking.submitted_at)
        with pytest.raises(NothingToExport):
            write_snapshot(
                tmp_path / "none", kinds=["rankings"], as_of=ranking.submitted_at - timedelta(microseconds=1)
            )


class TestPairs:
    def test_are_trl_conversations_in_the_order_of_the_contract(self, tmp_path: Path) -> None:
        a_task(text="Which colour?")
        rank(make_labeler("alice"), [2, 1, 2, 3])

        write_snapshot(tmp_path / "out", kinds=["pairs"])

        pairs = lines(tmp_path / "out", "pairs/train.jsonl")
        assert [(pair["chosen"][0]["content"], pair["rejected"][0]["content"]) for pair in pairs] == [
            ("Green.", "Red."), ("Green.", "Blue."), ("Green.", "Grey."), ("Red.", "Grey."), ("Blue.", "Grey."),
        ]  # fmt: skip
        assert [list(pair) for pair in pairs] == [["prompt", "chosen", "rejected"]] * 5
        assert pairs[0] == {
            "prompt": [{"role": "user", "content": "Which colour?"}],
            "chosen": [{"role": "assistant", "content": "Green."}],
            "rejected": [{"role": "assistant", "content": "Red."}],
        }

    def test_of_a_ranking_of_nothing_but_ties_there_are_none(self, tmp_path: Path) -> None:
        a_task()
        rank(make_labeler("alice"), [1, 1, 1, 1])

        manifest = write_snapshot(tmp_path / "out", kinds=["rankings", "pairs"])

        assert manifest.counts["train"] == {"rankings": 1, "usable_pairs": 0, "prompts": 1, "labelers": 1}
        assert [file.path for file in manifest.files] == ["README.md", "rankings/train.jsonl"]

    @pytest.mark.slow
    @given(ranks=st.lists(st.integers(1, 9), min_size=2, max_size=9))
    def test_are_exactly_the_usable_pairs(self, ranks: list[int]) -> None:
        completions = [{"completion_id": i, "text": str(i), "rank": rank} for i, rank in enumerate(ranks)]

        pairs = pair_records(cast("RankingRecord", {"prompt": [], "completions": completions}))

        told = [(int(pair["chosen"][0]["content"]), int(pair["rejected"][0]["content"])) for pair in pairs]
        assert sorted(told) == sorted(usable_pairs(ranks))
        assert told == sorted(told, key=lambda pair: (ranks[pair[0]], *pair))


class TestDemonstrations:
    def test_hold_everything_that_the_contract_names_in_its_order(self, tmp_path: Path, alice: Labeler) -> None:
        prompt = make_prompt(make_campaign(slug="poems"), text="写诗", language="zh", submitter=in_split("train")[0])
        assignment = write(alice, "床前明月光")
        last = revise_demonstration(
            labeler=alice, token=reopened(alice, assignment), text="床前明月光，疑是地上霜。", active_seconds=60
        )

        assert last is not None
        manifest = write_snapshot(tmp_path / "out", kinds=["demonstrations"])

        (record,) = lines(tmp_path / "out", "demonstrations/train.jsonl")
        assert list(record) == DEMONSTRATION_KEYS
        assert record | {"submitted_at": None} == {
            "schema": 1,
            "demonstration_id": last.pk,
            "revision": 2,
            "prompt_id": prompt.pk,
            "campaign": "poems",
            "split": "train",
            "prompt": [{"role": "user", "content": "写诗"}],
            "completion": [{"role": "assistant", "content": "床前明月光，疑是地上霜。"}],
            "labeler": f"L{alice.pk}",
            "labeler_group": "training",
            "simulated": False,
            "use_case": "open_qa",
            "language": "zh",
            "source": "labeler",
            "instruction_version": 1,
            "active_seconds": 60.0,
            "submitted_at": None,
            "suggestion": None,
            "fixed": False,
            "prompt_source": "import",
        }
        assert manifest.counts == {"train": {"demonstrations": 1, "prompts": 1, "labelers": 1}}
        assert [each.completion for each in open_snapshot(tmp_path / "out").demonstrations("train")] == [
            "床前明月光，疑是地上霜。"
        ]

    def test_imported_ones_have_no_labeler_and_all_count(self, tmp_path: Path) -> None:
        prompt = make_prompt(make_campaign(), submitter=in_split("test")[0])
        import_demonstrations([(prompt.pk, "One answer.")])
        import_demonstrations([(prompt.pk, "Another answer.")])

        manifest = write_snapshot(tmp_path / "out", kinds=["demonstrations"])

        records = lines(tmp_path / "out", "demonstrations/test.jsonl")
        assert [record["completion"][0]["content"] for record in records] == ["One answer.", "Another answer."]
        assert {record["labeler"] for record in records} == {None}
        assert manifest.counts == {"test": {"demonstrations": 2, "prompts": 1, "labelers": 0}}


class TestFilters:
    def test_simulated_labelers_stay_out_unless_asked_for(self, tmp_path: Path) -> None:
        a_task(campaign=make_campaign())
        rank(make_labeler("alice"), [1, 2, 3, 4])
        a_task(campaign=make_campaign(simulated=True))
        rank(make_labeler("robot", simulated=True), [4, 3, 2, 1])

        without = write_snapshot(tmp_path / "without", kinds=["rankings"])
        with_them = write_snapshot(tmp_path / "with", kinds=["rankings"], include_simulated=True)

        assert without.counts["train"]["rankings"] == 1
        assert with_them.counts["train"]["rankings"] == 2
        assert [each["simulated"] for each in lines(tmp_path / "with", "rankings/train.jsonl")] == [False, True]

    def test_held_out_labelers_are_in_no_split_and_come_alone(self, tmp_path: Path) -> None:
        a_task("valid", campaign=make_campaign(rankings_per_task=2))
        rank(make_labeler("alice"), [1, 2, 3, 4])
        rank(make_labeler("harriet", group=LabelerGroup.HELD_OUT), [4, 3, 2, 1])

        write_snapshot(tmp_path / "usual", kinds=["rankings"])
        manifest = write_snapshot(tmp_path / "held_out", kinds=["rankings", "pairs"], held_out=True)

        assert [each["labeler_group"] for each in lines(tmp_path / "usual", "rankings/valid.jsonl")] == ["training"]
        assert [file.path for file in manifest.files if file.split] == [
            "pairs/held_out.jsonl",
            "rankings/held_out.jsonl",
        ]
        (record,) = lines(tmp_path / "held_out", "rankings/held_out.jsonl")
        assert (record["split"], record["labeler_group"]) == ("held_out", "held_out")

    def test_a_labeler_who_is_held_out_later_was_training_then(self, tmp_path: Path, alice: Labeler) -> None:
        a_task()
        rank(alice, [1, 2, 3, 4])
        alice.group = LabelerGroup.HELD_OUT
        alice.save()

        assert write_snapshot(tmp_path / "out", kinds=["rankings"]).counts["train"]["rankings"] == 1

    def test_campaign_and_split_narrow_it(self, tmp_path: Path, alice: Labeler) -> None:
        red, blue = make_campaign(slug="red"), make_campaign(slug="blue")
        a_task("train", campaign=red)
        a_task("valid", campaign=red)
        a_task("train", campaign=blue)
        for _ in range(3):
            rank(alice, [1, 2, 3, 4])

        in_red = write_snapshot(tmp_path / "red", kinds=["rankings"], campaign="red")
        in_valid = write_snapshot(tmp_path / "valid", kinds=["rankings"], split="valid")

        assert {split: counts["rankings"] for split, counts in in_red.counts.items()} == {"train": 1, "valid": 1}
        assert {split: counts["rankings"] for split, counts in in_valid.counts.items()} == {"valid": 1}

    def test_splits_follow_the_submitter(self, tmp_path: Path, alice: Labeler) -> None:
        campaign = make_campaign()
        for split in ("train", "valid", "test"):
            for number, name in enumerate(in_split(split, 2)):
                make_ready_task(make_prompt(campaign, text=f"{split} {number}?", submitter=name))
                rank(alice, [1, 2, 3, 4])

        write_snapshot(tmp_path / "out", kinds=["rankings"])

        for split in ("train", "valid", "test"):
            records = lines(tmp_path / "out", f"rankings/{split}.jsonl")
            prompts = Prompt.objects.filter(pk__in=[record["prompt_id"] for record in records])
            assert {prompt.submitter.split for prompt in prompts} == {split}
            assert len(records) == Submitter.objects.filter(split=split).count() == 2


class TestRefusals:
    def test_a_time_to_come(self, tmp_path: Path) -> None:
        with pytest.raises(SnapshotRefused, match="still to come"):
            write_snapshot(tmp_path / "out", kinds=["rankings"], as_of=settled_now() + timedelta(minutes=1))

    def test_a_time_without_a_zone(self, tmp_path: Path) -> None:
        with pytest.raises(SnapshotRefused, match="names no time zone"):
            write_snapshot(tmp_path / "out", kinds=["rankings"], as_of=datetime(2026, 1, 1))  # noqa: DTZ001

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"kinds": []}, "one or more of demonstrations, pairs, rankings, prompts, not nothing"),
            ({"kinds": ["ranks"]}, "not ranks"),
            ({"kinds": ["pairs"], "split": "dev"}, "no split “dev”; the splits are train, valid, test"),
            ({"kinds": ["pairs"], "split": "train", "held_out": True}, "in none of the splits"),
            ({"kinds": ["pairs"], "campaign": "nope"}, "no campaign “nope”; the campaigns are: blue, red"),
        ],
    )
    def test_filters_that_name_nothing(self, tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
        make_campaign(slug="red")
        make_campaign(slug="blue")

        with pytest.raises(SnapshotRefused, match=words):
            write_snapshot(tmp_path / "out", **arguments)

        assert list(tmp_path.iterdir()) == []

    def test_a_snapshot_of_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(NothingToExport, match="No record matches: rankings as of"):
            write_snapshot(tmp_path / "out", kinds=["rankings"])

        assert list(tmp_path.iterdir()) == []

    def test_a_number_that_json_cannot_hold(self, tmp_path: Path) -> None:
        task = make_task(prompt=make_prompt(campaign := make_campaign()), campaign=campaign)
        run = SamplingRun.objects.create(task=task, imported_model_name="broken", requested=4)
        for text in "abcd":
            Completion.objects.create(
                task=task, run=run, text=text, text_key=text, finish_reason="stop", mean_logprob=float("nan")
            )
        mark_ready(task)
        ranking = rank(make_labeler("alice"), [1, 2, 3, 4])

        with pytest.raises(SnapshotRefused, match=f"ranking_id {ranking.pk} holds a number that JSON can't hold"):
            write_snapshot(tmp_path / "out", kinds=["rankings"])

        assert list(tmp_path.iterdir()) == []


class TestManifest:
    def test_proves_every_byte(self, tmp_path: Path) -> None:
        a_task()
        rank(make_labeler("alice"), [1, 2, 3, 4])

        written = write_snapshot(tmp_path / "out", kinds=["rankings", "pairs"], campaign=None)

        assert verify_snapshot(tmp_path / "out") == written
        manifest = json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))
        assert list(manifest) == ["schema", "as_of", "filters", "files", "counts", "sha256"]
        assert manifest["filters"] == {
            "kinds": ["pairs", "rankings"],
            "campaign": None,
            "split": None,
            "include_simulated": False,
            "held_out": False,
            "since": None,
            "margins": False,
            "include_left_out": False,
            "labels": "all",
            "reward_model": None,
            "campaigns": None,
            "evaluate_only": [],
            "never_train": [],
        }
        assert [(file["path"], file["records"]) for file in manifest["files"]] == [
            ("README.md", 0),
            ("chat_template.jinja", 0),
            ("pairs/train.jsonl", 6),
            ("rankings/train.jsonl", 1),
        ]
        assert manifest["sha256"] == written.sha256

    def test_lists_the_files_of_a_split_that_is_too_large_for_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alice: Labeler
    ) -> None:
        """A file is full once it holds as many bytes as the first two records have: 2 + 1 rankings."""
        campaign = make_campaign()
        for _ in range(3):
            a_task("train", campaign=campaign)
            rank(alice, [1, 2, 3, 4])
        as_of = settled_now()
        write_snapshot(tmp_path / "whole", kinds=["rankings"], as_of=as_of)
        whole = (tmp_path / "whole/rankings/train.jsonl").read_bytes()
        monkeypatch.setattr("lm.snapshot.writing.SHARD_BYTES", len(b"".join(whole.splitlines(keepends=True)[:2])))

        manifest = write_snapshot(tmp_path / "out", kinds=["rankings"], as_of=as_of)
        again = write_snapshot(tmp_path / "again", kinds=["rankings"], as_of=as_of)

        assert verify_snapshot(tmp_path / "out") == manifest == again
        shards = [file for file in manifest.files if file.kind == "rankings"]
        assert [(file.path, file.records) for file in shards] == [
            ("rankings/train-00001.jsonl", 2),
            ("rankings/train-00002.jsonl", 1),
        ]
        assert b"".join((tmp_path / "out" / file.path).read_bytes() for file in shards) == whole
        read = [list(open_snapshot(tmp_path / name).rankings("train")) for name in ("out", "whole")]
        assert read[0] == read[1]
        assert [len(read) for read in read] == [3, 3]


def test_a_dialogue_is_exported_as_a_demonstration_of_its_last_turn(tmp_path: Path, alice: Labeler) -> None:
    campaign = make_campaign(ask_dialogues=True)
    talk(alice, campaign)
    write_snapshot(tmp_path / "snapshot", kinds=("demonstrations",))
    (record,) = lines(tmp_path / "snapshot", f"demonstrations/{split_of(alice.pseudonym)}.jsonl")
    assert record["source"] == "dialogue"
    assert record["prompt"] == [{"role": "user", "content": "Who are you, alice?"}]
    assert record["completion"] == [{"role": "assistant", "content": "A language model."}]
    assert record["labeler"] == alice.pseudonym
    assert record["suggestion"] == {"outcome": "edited", "edit_distance": 9, "model": "talker"}
