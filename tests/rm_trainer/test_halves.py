"""Two reward models that saw no prompt in common: `--half first` and `--half second`."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.prompt_format import Message
from lm.rendering import Renderer
from lm.snapshot.openings import HALVES, opening_key
from rm_trainer.arguments import Half
from rm_trainer.data import TrainingData, read_records, render_records
from rm_trainer.model import load_base_model
from tests.lm.snapshots import Record, demonstration, ranking, write_snapshot
from tests.rm_trainer.commands import events, read_json, train


def about(numbers: range) -> list[Record]:
    """A ranking of each of these prompts."""
    return [ranking(one, [("a", 1), ("bb", 2)], prompt=f"Say {one}.") for one in numbers]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 prompts, of which ten are asked once more in capitals, and a tie."""
    again = [ranking(100 + one, [("a", 1), ("bb", 2)], prompt=f"SAY  {one}.") for one in range(1, 11)]
    return write_snapshot(
        tmp_path_factory.mktemp("data"),
        rankings={
            "train": [*about(range(1, 41)), *again, ranking(200, [("a", 1), ("bb", 1)], prompt="Tie.")],
            "valid": about(range(301, 305)),
            "test": about(range(401, 404)),
        },
        demonstrations={"train": [demonstration(one, "a", prompt=f"Say {one}.") for one in range(1, 6)]},
    )


@pytest.fixture(scope="module")
def renderer(tiny_base: Path) -> Renderer:
    return load_base_model(str(tiny_base), max_length=512, seed=0)[1]


def rendered(data: Path, renderer: Renderer, cache: Path, half: Half) -> TrainingData:
    return render_records(read_records(data, None), renderer, cache, half=half)


@given(st.text())
def test_the_patterns_of_openings_are_the_halves_that_the_trainer_makes(text: str) -> None:
    key = opening_key([Message(role="user", content=text)])
    parity = int(key[:16], 16) % 2
    assert [bool(re.match(HALVES[half], key)) for half in ("first", "second")] == [parity == 0, parity == 1]


def learned(data: TrainingData) -> set[int]:
    ids = [int(one) for one in data.train.column("id")]
    assert len(ids) == len(set(ids))
    return set(ids)


def test_the_halves_share_no_prompt_and_leave_none_out(data: Path, renderer: Renderer, tmp_path: Path) -> None:
    whole, first, second = (rendered(data, renderer, tmp_path, half) for half in get_args(Half))
    assert learned(whole) == {*range(1, 41), *range(101, 111)}
    assert learned(first) | learned(second) == learned(whole)
    assert not learned(first) & learned(second)
    assert min(len(learned(first)), len(learned(second))) > 10  # neither is left with next to nothing
    for one in range(1, 11):  # what begins alike is in one half, however it is written
        assert (one in learned(first)) == (100 + one in learned(first))
    for half in (first, second):
        assert (len(half.valid), len(half.test), len(half.demonstrations)) == (4, 3, 5)
        counts = half.counts["train"]
        assert counts["rankings"] + counts["other_half"] == 51
        assert counts["rankings"] - counts["tied_rankings"] == len(learned(half))
    assert whole.counts["train"]["other_half"] == 0


def test_a_prompt_stays_in_its_half_when_the_snapshot_grows(data: Path, renderer: Renderer, tmp_path: Path) -> None:
    grown = write_snapshot(tmp_path / "grown", rankings={"train": about(range(60, 0, -1))})
    halves: tuple[Half, Half] = ("first", "second")
    for half, other in (halves, halves[::-1]):
        before = learned(rendered(data, renderer, tmp_path / "cache", half)) & set(range(1, 41))
        assert before == learned(rendered(grown, renderer, tmp_path / "cache", half)) & set(range(1, 41))
        assert not before & learned(rendered(grown, renderer, tmp_path / "cache", other))


def test_a_model_says_of_which_half_it_is(
    data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for half in ("first", "second"):
        assert train(data, tiny_base, tmp_path / half, "--half", half) == 0
        manifest = read_json(tmp_path / half / "manifest.json")
        assert manifest["config"]["half"] == half
        counts = read_json(tmp_path / half / "metrics.json")["counts"]["train"]
        assert f"the {half} half; {counts['other_half']} rankings are left to the other one." in capsys.readouterr().err
        assert f"Trained on the {half} half of the split train alone." in (tmp_path / half / "README.md").read_text()
    first, second = (read_json(tmp_path / half / "metrics.json") for half in ("first", "second"))
    assert first["snapshot_sha256"] == second["snapshot_sha256"]
    assert first["train"]["rankings"] + second["train"]["rankings"] == 50


def test_a_half_without_a_ranking_is_refused(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_snapshot(tmp_path / "data", rankings={"train": about(range(1, 2))})
    done = [train(data, tiny_base, tmp_path / half, "--half", half) for half in ("first", "second")]
    assert sorted(done) == [0, 2]
    (refusal,) = [event for event in events(capsys.readouterr().out) if event["event"] == "error"]
    assert "its prompts are too few to be parted. Rank more prompts, or give --half all." in refusal["message"]
