"""A snapshot is read whole or refused with the name of what is wrong."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lm.errors import Refused
from lm.prompt_format import Message
from lm.snapshot.reading import open_snapshot
from tests.lm.snapshots import Record, demonstration, ranking, write_manifest, write_snapshot


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return write_snapshot(
        tmp_path / "snapshot",
        rankings={"train": [ranking(1, [("good", 1), ("bad", 3), ("fair", 2), ("fair too", 2)])]},
        demonstrations={"valid": [demonstration(5, "好的。")]},
    )


def test_a_snapshot_gives_its_groups(snapshot: Path) -> None:
    (group,) = open_snapshot(snapshot).rankings("train")
    assert group.prompt == (Message(role="user", content="Write about an animal."),)
    assert group.completions == ("good", "bad", "fair", "fair too")
    assert group.ranks == (1, 3, 2, 2)
    assert group.completion_ids == (10, 11, 12, 13)


def test_a_demonstration_is_the_text_of_its_assistant_message(snapshot: Path) -> None:
    (ideal,) = open_snapshot(snapshot).demonstrations("valid")
    assert (ideal.demonstration_id, ideal.completion) == (5, "好的。")


def test_a_split_without_a_file_is_empty(snapshot: Path) -> None:
    assert list(open_snapshot(snapshot).rankings("valid")) == []
    assert open_snapshot(snapshot).splits("rankings") == ["train"]


def test_a_changed_byte_is_refused_with_the_files_name(snapshot: Path) -> None:
    path = snapshot / "rankings" / "train.jsonl"
    path.write_bytes(path.read_bytes().replace(b"fair too", b"fair two"))
    with pytest.raises(Refused, match=r"rankings/train\.jsonl does not match its sha256"):
        open_snapshot(snapshot)


def test_a_changed_file_that_this_run_would_not_read_is_refused_too(snapshot: Path) -> None:
    (snapshot / "demonstrations" / "valid.jsonl").write_text("")
    with pytest.raises(Refused, match=r"demonstrations/valid\.jsonl does not match"):
        open_snapshot(snapshot)


def test_a_changed_manifest_is_refused(snapshot: Path) -> None:
    manifest = json.loads((snapshot / "manifest.json").read_text())
    manifest["as_of"] = "2027-01-01T00:00:00.000000Z"
    (snapshot / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Refused, match=r"manifest\.json does not match its own sha256"):
        open_snapshot(snapshot)


def test_a_missing_file_is_refused(snapshot: Path) -> None:
    (snapshot / "rankings" / "train.jsonl").unlink()
    with pytest.raises(Refused, match=r"rankings/train\.jsonl can't be read"):
        open_snapshot(snapshot)


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a snapshot"):
        open_snapshot(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 2}'])
def test_something_that_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(Refused, match=r"manifest\.json (is not|has schema 2)"):
        open_snapshot(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one | {"files": 3}, "files is int, not list"),
        (lambda one: one | {"files": [7]}, "an entry of files is int, not dict"),
        (lambda one: one | {"files": [one["files"][0] | {"path": 5}]}, "path of an entry of files is int, not str"),
        (lambda one: one | {"files": [one["files"][0] | {"path": "a\0b"}]}, "a path has the character NUL"),
        (lambda one: one | {"files": [one["files"][0] | {"extra": 1}]}, "extra"),
        (lambda one: one | {"counts": []}, "counts is list, not dict"),
        (lambda one: one | {"counts": {"train": {"rankings": "3"}}}, "rankings of train is str, not int"),
        (lambda one: one | {"filters": None}, "filters is NoneType, not dict"),
        (lambda one: one | {"as_of": 5}, "fromisoformat"),
        (lambda one: {name: value for name, value in one.items() if name != "as_of"}, "'as_of' is missing"),
        (lambda _: "[" * 100_000, "is not a snapshot's manifest"),
    ],
)
def test_a_malformed_manifest_is_refused_in_words(snapshot: Path, change: Any, words: str) -> None:
    changed = change(json.loads((snapshot / "manifest.json").read_text()))
    (snapshot / "manifest.json").write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(Refused, match=words):
        open_snapshot(snapshot)


def test_a_file_outside_the_snapshot_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text("{}")
    entry = {"path": "../secret.jsonl", "kind": "rankings", "split": "train", "records": 1, "bytes": 2, "sha256": "0"}
    write_manifest(tmp_path / "snapshot", [entry])
    with pytest.raises(Refused, match="outside the snapshot"):
        open_snapshot(tmp_path / "snapshot")


def test_a_file_that_holds_another_number_of_records_than_the_manifest_says_is_refused(snapshot: Path) -> None:
    manifest = json.loads((snapshot / "manifest.json").read_text())
    entries = [entry | {"records": 2} if entry["kind"] == "rankings" else entry for entry in manifest["files"]]
    write_manifest(snapshot, entries)
    with pytest.raises(Refused, match=r"rankings/train\.jsonl holds 1 records and its manifest says 2"):
        list(open_snapshot(snapshot).rankings("train"))


def test_the_files_of_a_split_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    records = [ranking(number, [("a", 1), ("b", 2)]) for number in range(1, 8)]
    read = open_snapshot(write_snapshot(tmp_path, rankings={"train": records}, shard_size=2))
    assert [shard.path.name for shard in read.shards("rankings", "train")] == [
        f"train-0000{number}.jsonl" for number in (1, 2, 3, 4)
    ]
    assert read.records("rankings", "train") == 7
    assert [one.ranking_id for one in read.rankings("train")] == [1, 2, 3, 4, 5, 6, 7]


def test_a_line_that_is_no_object_is_refused(tmp_path: Path) -> None:
    directory = write_snapshot(tmp_path, rankings={"train": [ranking(1, [("a", 1), ("b", 2)])]})
    path = directory / "rankings" / "train.jsonl"
    path.write_bytes(path.read_bytes() + b"[]\n")
    entry = {"path": "rankings/train.jsonl", "kind": "rankings", "split": "train", "records": 2, "bytes": 0}
    write_manifest(directory, [entry | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}])
    with pytest.raises(Refused, match=r"Line 2 of .* can't be used: it is not a JSON object"):
        list(open_snapshot(directory).rankings("train"))


def _broken(changes: dict[str, Any]) -> Record:
    return {**ranking(8, [("a", 1), ("b", 2)]), **changes}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (_broken({"schema": 2}), "its schema is 2"),
        (_broken({"ranking_id": "8"}), '"ranking_id" is str, not int'),
        (_broken({"prompt": []}), "There are no messages"),
        (_broken({"prompt": [{"role": "user"}]}), "Message 1 has no text"),
        (_broken({"prompt": [{"role": "human", "content": "Hi"}]}), "Message 1 has the role 'human'"),
        (_broken({"prompt": [{"role": "user", "content": "Hi", "name": "Al"}]}), "Message 1 has the key “name”"),
        (ranking(8, [("a", 1), ("b", 3)]), "ranking 8 has no completion at rank 2"),
        (ranking(8, [("a", 2), ("b", 3)]), "ranking 8 has no completion at rank 1"),
        (_broken({"schema": 1, "prompt": [{"role": "user", "content": "\ud800"}]}), r"U\+D800"),
        (ranking(8, [("a", 1), ("b\udfff", 2)]), r"completion 81 of ranking 8: Character 2 is U\+DFFF"),
        (ranking(8, [("a", 1)]), "ranking 8 has 1 completions; it must have 2 to 10"),
        (ranking(8, [("a", 1)] * 11), "ranking 8 has 11 completions"),
        (ranking(8, [("a", 0), ("b", 1)]), "completion 80 has rank 0"),
        (ranking(8, [("a", True), ("b", 2)]), '"rank" is bool, not int'),
    ],
)
def test_a_broken_ranking_is_refused_with_file_and_line(tmp_path: Path, record: Record, words: str) -> None:
    directory = write_snapshot(tmp_path, rankings={"train": [ranking(1, [("a", 1), ("b", 2)]), record]})
    with pytest.raises(Refused, match=words) as refusal:
        list(open_snapshot(directory).rankings("train"))
    assert str(refusal.value).startswith(f"Line 2 of {directory / 'rankings' / 'train.jsonl'}")


@pytest.mark.parametrize(
    ("completion", "words"),
    [
        ([{"role": "user", "content": "x"}], "demonstration 5 must have a completion of exactly one assistant message"),
        ([], "demonstration 5 must have a completion of exactly one assistant message"),
        ([{"role": "assistant", "content": "\ud800"}], r"the completion of demonstration 5: Character 1 is U\+D800"),
    ],
)
def test_a_broken_demonstration_is_refused(tmp_path: Path, completion: list[Record], words: str) -> None:
    record = {**demonstration(5, "x"), "completion": completion}
    directory = write_snapshot(tmp_path, demonstrations={"train": [record]})
    with pytest.raises(Refused, match=words):
        list(open_snapshot(directory).demonstrations("train"))
