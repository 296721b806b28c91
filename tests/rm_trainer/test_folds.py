"""`python -m rm_trainer folds`: models trained without some labelers, measured on them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.errors import Failed
from lm.snapshot.reading import open_snapshot
from rm_trainer.__main__ import main
from rm_trainer.folding.labeler_groups import labeler_groups
from rm_trainer.folding.leaving_out import leave_out, pairs_by_labeler
from rm_trainer.folding.pooled import pooled
from rm_trainer.train import train
from tests.lm.snapshots import Record, write_snapshot
from tests.rm_trainer.commands import read_json, train_argv
from tests.rm_trainer.conftest import zebra_rankings
from tests.rm_trainer.outcomes import outcome


def by(labelers: list[str], ids: range) -> list[Record]:
    """Zebra rankings in turn by the labelers; Zed's are the wrong way round."""
    records = zebra_rankings(ids)
    for number, record in enumerate(records):
        record["labeler"] = labelers[number % len(labelers)]
        if record["labeler"] == "Zed":
            for completion in record["completions"]:
                completion["rank"] = 3 - completion["rank"]
    return records


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three who like zebras, and Zed, who doesn't and has fewer prompts."""
    four = ["L1", "L2", "L3", "Zed"]
    return write_snapshot(
        tmp_path_factory.mktemp("data"),
        rankings={"train": by(four, range(1, 121)), "valid": by(four, range(1001, 1041))},
    )


def folds(data: Path, base: Path, output: Path, *options: str) -> int:
    return main(["folds", *train_argv(data, base, output, *options)[1:]])


@given(st.dictionaries(st.text("ab12", min_size=1, max_size=3), st.integers(0, 100), min_size=2, max_size=12))
def test_groups_hold_everybody_once_and_are_about_equally_large(pairs: dict[str, int]) -> None:
    for count in range(2, len(pairs) + 1):
        groups = labeler_groups(pairs, folds=count)
        assert sorted(name for group in groups for name in group) == sorted(pairs)
        assert all(groups)
        sizes = [sum(pairs[name] for name in group) for group in groups]
        assert max(sizes) - min(sizes) <= max(pairs.values())


def test_a_snapshot_is_parted_without_a_ranking_in_two_places(data: Path, tmp_path: Path) -> None:
    for directory in ("a", "b"):
        leave_out(open_snapshot(data), tmp_path / directory, ["Zed", "L2"])
    part = open_snapshot(tmp_path / "a")
    assert part.sha256 == open_snapshot(tmp_path / "b").sha256
    assert {one.labeler for one in part.rankings("train")} == {one.labeler for one in part.rankings("valid")}
    assert {one.labeler for one in part.rankings("held_out")} == {"L2", "Zed"}
    valid = {one.ranking_id for one in part.rankings("valid")} | {one.ranking_id for one in part.rankings("held_out")}
    assert valid == set(range(1001, 1041))
    assert set(pairs_by_labeler(part)) == {"L1", "L3"}


def test_a_labeler_who_judges_otherwise_is_seen(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    """Zed's fold: a model of the three others has his pairs wrong, though theirs right."""
    assert folds(data, tiny_base, tmp_path / "out", "--folds", "2") == 0
    made = read_json(tmp_path / "out" / "folds.json")
    assert made["snapshot_sha256"] == read_json(data / "manifest.json")["sha256"]
    (with_zed,) = [fold for fold in made["folds"] if "Zed" in fold["labelers"]]
    assert with_zed["own"]["pair_accuracy"] > 0.7
    assert with_zed["held_out"]["pair_accuracy"] < with_zed["own"]["pair_accuracy"] - 0.2
    assert made["held_out"]["rankings"] == 40
    assert made["between_folds"]["held_out"]["folds"] == 2
    assert made["difference"]["interval"][0] <= made["difference"]["pair_accuracy"] <= made["difference"]["interval"][1]
    assert made["ceiling"]["note"].startswith("Not enough shared tasks")
    left = sorted(path.name for path in (tmp_path / "out" / "fold-1").iterdir())
    assert left == ["fold.json", "held_out.json", "own.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_fold_that_is_done_is_not_done_again(
    data: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained: list[str] = []

    def stops_at_the_second(arguments: Any, progress: Any) -> None:
        if arguments.output.parent.name == "fold-2" and "fold-2" not in trained:
            trained.append("fold-2")
            raise Failed("the lights went out")
        trained.append(arguments.output.parent.name)
        train(arguments, progress)

    monkeypatch.setattr("rm_trainer.folds.train", stops_at_the_second)
    options = ("--folds", "2", "--rankings-per-batch", "200")
    assert folds(data, tiny_base, tmp_path / "out", *options) == 1
    assert not (tmp_path / "out" / "folds.json").exists()
    assert folds(data, tiny_base, tmp_path / "out", *options, "--seed", "1") == 2
    assert "holds the folds of other options" in capsys.readouterr().err
    assert folds(data, tiny_base, tmp_path / "out", *options) == 0
    assert trained == ["fold-1", "fold-2", "fold-2"]
    assert "Fold 1 is done already" in capsys.readouterr().err
    assert len(read_json(tmp_path / "out" / "folds.json")["folds"]) == 2


@pytest.mark.parametrize(
    ("labelers", "count", "words"),
    [
        (["L1"], "2", "come from 1 labeler, so there is nobody to hold out"),
        ([""], "2", "no known labeler"),
        (["L1", "L2"], "5", "--folds 5 needs 5 labelers and the snapshot has 2. Give --folds 2"),
        (["L1", "L2"], "1", "--folds is 1; it must be at least 2"),
    ],
)
def test_too_few_labelers_are_refused(
    tmp_path: Path, tiny_base: Path, labelers: list[str], count: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": by(labelers, range(1, 5))})
    assert folds(data, tiny_base, tmp_path / "out", "--folds", count) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_directory_with_something_else_is_left_alone(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    assert folds(data, tiny_base, tmp_path, "--folds", "2") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_group_without_validation_rankings_is_said_not_invented(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = {"train": by(["L1", "L2"], range(1, 9)), "valid": by(["L1"], range(20, 24))}
    data = write_snapshot(tmp_path / "data", rankings=splits)
    assert folds(data, tiny_base, tmp_path / "out", "--folds", "2") == 0
    first, second = read_json(tmp_path / "out" / "folds.json")["folds"]
    assert (first["labelers"], first["own"]) == (["L1"], None)
    assert (second["labelers"], second["held_out"]) == (["L2"], None)
    assert "nothing to measure on held-out labelers" in capsys.readouterr().err


def test_the_pooled_figures_by_hand() -> None:
    """Two folds over prompts 1 and 2. Own: both right (one pair each). Held out: the first right, the second wrong:
    100% and 50%, so the difference is one half; a draw of prompts 1,1 / 1,2 / 2,2 makes it 0, ½ or 1.
    """
    right, wrong = (2.0, 1.0), (1.0, 2.0)
    made = pooled([[outcome(2, right)], [outcome(1, right)]], [[outcome(1, right)], [outcome(2, wrong)]])
    assert (made["own"]["pair_accuracy"], made["held_out"]["pair_accuracy"]) == (1, 0.5)
    assert made["difference"] == {"pair_accuracy": 0.5, "interval": [0, 1]}
    assert made["between_folds"]["own"] == {"folds": 2, "mean": 1, "standard_error": 0}
    assert made["between_folds"]["held_out"]["standard_error"] == pytest.approx(0.5)


def test_nothing_held_out_is_nothing_known() -> None:
    made = json.loads(json.dumps(pooled([[outcome(1, (2.0, 1.0))]], [[]])))
    assert made["held_out"] is made["difference"] is None
