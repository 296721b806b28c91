"""Files are there whole or not at all."""

from pathlib import Path

import pytest

from lm.atomic_files import atomic_directory, write_json_file, write_text_file
from lm.errors import Failed, Terminated


def test_a_finished_directory_appears_under_its_name(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "out") as directory:
        (directory / "file").write_text("x")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "file").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("end", [Terminated, KeyboardInterrupt, BrokenPipeError, ValueError])
def test_whatever_ends_the_block_early_leaves_nothing(tmp_path: Path, end: type[BaseException]) -> None:
    def fill() -> None:
        with atomic_directory(tmp_path / "out") as directory:
            (directory / "file").write_text("x")
            raise end

    with pytest.raises((end, Failed)):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_is_filled_and_a_killed_runs_leftover_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / ".out.killed.partial").mkdir()
    (tmp_path / ".out.killed.partial" / "half").write_text("x")
    with atomic_directory(tmp_path / "out") as directory:
        (directory / "file").write_text("y")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/file"]


def test_the_second_of_two_runs_into_one_directory_fails_and_destroys_nothing(tmp_path: Path) -> None:
    def run_into_the_other() -> None:
        with atomic_directory(tmp_path / "out"):
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "first").write_text("x")

    with pytest.raises(Failed, match="could not be written"):
        run_into_the_other()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/first"]


def test_a_file_is_replaced_whole_or_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json_file(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json_file(path, {"a": float("nan")})

    def breaks() -> None:
        write_text_file(path, (1 / 0 for _ in range(1)))  # type: ignore[misc]

    with pytest.raises(ZeroDivisionError):
        breaks()
    assert path.read_text() == '{\n "a": 1\n}\n'
    assert [one.name for one in tmp_path.iterdir()] == ["metrics.json"]
