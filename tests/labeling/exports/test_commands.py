"""Exports as engineers use them: the command line, datasets, TRL's column names."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from labeling.base.export_lock import settled_now
from labeling.desk.demonstrating.services import import_demonstrations
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Snapshot
from lm.snapshot.manifest import utc_text, verify_snapshot
from tests.labeling.cast import make_campaign, make_labeler, make_prompt
from tests.labeling.handed_in import a_task, bytes_of, in_split, rank

pytestmark = pytest.mark.django_db


def run(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *(str(argument) for argument in arguments), stdout=out)
    return out.getvalue()


def rank_one_in_each_split() -> None:
    alice, campaign = make_labeler("alice"), make_campaign(slug="colours")
    for split in ("train", "valid", "test"):
        a_task(split, campaign=campaign)
        rank(alice, [1, 2, 2, 3])


class TestExportComparisons:
    def test_says_what_it_wrote(self, tmp_path: Path) -> None:
        rank_one_in_each_split()

        said = run("export_comparisons", "--output", tmp_path / "out")

        manifest = verify_snapshot(tmp_path / "out")
        assert said.splitlines() == [
            "test: 1 rankings, 5 usable pairs, 1 prompts, 1 labelers",
            "train: 1 rankings, 5 usable pairs, 1 prompts, 1 labelers",
            "valid: 1 rankings, 5 usable pairs, 1 prompts, 1 labelers",
            f"{tmp_path / 'out'}: {manifest.bytes:,} bytes as of {utc_text(manifest.as_of)}",
            f"sha256 {manifest.sha256}",
            f"The admin lists it as snapshot {Snapshot.objects.get().pk}.",
        ]
        assert sorted(bytes_of(tmp_path / "out")) == [
            "README.md",
            "manifest.json",
            "rankings/test.jsonl",
            "rankings/train.jsonl",
            "rankings/valid.jsonl",
        ]

    def test_takes_every_filter(self, tmp_path: Path) -> None:
        rank_one_in_each_split()
        now = utc_text(settled_now())

        run(
            "export_comparisons", "--output", tmp_path / "out", "--campaign", "colours", "--split", "valid",
            "--as-of", now, "--format", "pairs", "--include-simulated",
        )  # fmt: skip

        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert manifest["as_of"] == now
        assert manifest["filters"] == {
            "kinds": ["pairs"],
            "campaign": "colours",
            "split": "valid",
            "include_simulated": True,
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

    @pytest.mark.parametrize(
        "as_of", ["2020-01-31", "2020-01-31T00:00:00", "2020-01-31T00:00Z", "2020-01-31T08:00+08:00"]
    )
    def test_reads_times_as_people_write_them(self, as_of: str, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"No record matches: rankings as of 2020-01-31T00:00:00\.000000Z"):
            run("export_comparisons", "--output", tmp_path / "out", "--as-of", as_of)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--as-of", "yesterday"], "“yesterday” is no time; write it like 2026-01-31T18:00:00Z"),
            (["--as-of", "2999-01-01"], "still to come"),
            (["--campaign", "colors"], "no campaign “colors”; the campaigns are: colours"),
            (["--split", "train", "--held-out"], "in none of the splits"),
            (["--held-out"], "No record matches"),
        ],
    )
    def test_refuses_in_words(self, tmp_path: Path, arguments: list[str], words: str) -> None:
        rank_one_in_each_split()

        with pytest.raises(CommandError, match=words):
            run("export_comparisons", "--output", tmp_path / "out", *arguments)

        assert list(tmp_path.iterdir()) == []

    def test_refuses_a_directory_that_is_there(self, tmp_path: Path) -> None:
        rank_one_in_each_split()

        with pytest.raises(CommandError, match="exists already"):
            run("export_comparisons", "--output", tmp_path)


class TestExportDemonstrations:
    def test_says_what_it_wrote(self, tmp_path: Path) -> None:
        prompt = make_prompt(make_campaign(), submitter=in_split("train")[0])
        import_demonstrations([(prompt.pk, "Because of Rayleigh scattering.")])

        said = run("export_demonstrations", "--output", tmp_path / "out")

        assert said.startswith("train: 1 demonstrations, 1 prompts, 0 labelers\n")


class TestDatasets:
    """`datasets.load_dataset(DIR)` reads a directory of one kind; of more, with the kind's name."""

    def load(self, directory: Path, **how: Any) -> Any:
        datasets = pytest.importorskip("datasets")
        return datasets.load_dataset(str(directory), cache_dir=str(directory.parent / "cache"), **how)

    def test_pairs_have_trls_columns(self, tmp_path: Path) -> None:
        rank_one_in_each_split()
        run("export_comparisons", "--output", tmp_path / "out", "--format", "pairs")

        loaded = self.load(tmp_path / "out")

        assert {name: split.num_rows for name, split in loaded.items()} == {"train": 5, "validation": 5, "test": 5}
        assert loaded["train"].column_names == ["prompt", "chosen", "rejected"]
        row = loaded["train"][0]
        assert [[message["role"] for message in row[column]] for column in ("prompt", "chosen", "rejected")] == [
            ["user"],
            ["assistant"],
            ["assistant"],
        ]

    def test_rankings_load(self, tmp_path: Path) -> None:
        rank_one_in_each_split()
        run("export_comparisons", "--output", tmp_path / "out")

        loaded = self.load(tmp_path / "out")

        assert {name: split.num_rows for name, split in loaded.items()} == {"train": 1, "validation": 1, "test": 1}
        assert [each["rank"] for each in loaded["train"][0]["completions"]] == [1, 2, 2, 3]

    def test_of_several_kinds_each_loads_by_its_name(self, tmp_path: Path) -> None:
        rank_one_in_each_split()
        write_snapshot(tmp_path / "out", kinds=["pairs", "rankings"])

        assert self.load(tmp_path / "out", name="pairs")["train"].num_rows == 5
        assert self.load(tmp_path / "out", name="rankings")["train"].num_rows == 1

    def test_a_split_of_several_files_loads_as_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        rank_one_in_each_split()
        run("export_comparisons", "--output", tmp_path / "whole", "--format", "pairs")
        monkeypatch.setattr("lm.snapshot.writing.SHARD_BYTES", 1)
        run("export_comparisons", "--output", tmp_path / "sharded", "--format", "pairs")

        assert len(list((tmp_path / "sharded/pairs").glob("train-0000?.jsonl"))) == 5
        whole, sharded = (self.load(tmp_path / name) for name in ("whole", "sharded"))
        assert {name: split.to_list() for name, split in sharded.items()} == {
            name: split.to_list() for name, split in whole.items()
        }

    def test_demonstrations_have_trls_columns(self, tmp_path: Path) -> None:
        prompt = make_prompt(make_campaign(), submitter=in_split("train")[0])
        import_demonstrations([(prompt.pk, "Because of Rayleigh scattering.")])
        run("export_demonstrations", "--output", tmp_path / "out")

        row = self.load(tmp_path / "out")["train"][0]

        assert row["prompt"][0]["role"] == "user"
        assert row["completion"] == [{"role": "assistant", "content": "Because of Rayleigh scattering."}]
