"""Exports that go wrong: full disks, dead processes, damaged files, labelers at work meanwhile."""

import errno
import fcntl
import os
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from labeling.base.refusals import SnapshotRefused
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.models import Ranking
from lm.errors import Refused
from lm.snapshot import writing
from lm.snapshot.manifest import Manifest, verify_snapshot
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import a_task, bytes_of, rank


@pytest.fixture
def ranked(db: None) -> None:
    a_task()
    rank(make_labeler("alice"), [1, 2, 3, 4])


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses longer writes to any file of this process (Python ignores the signal that goes with it)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("ranked")
class TestDisk:
    @pytest.mark.parametrize("succeeding_writes", [0, 1])
    def test_full_leaves_nothing_behind_and_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, succeeding_writes: int
    ) -> None:
        written: list[bytes] = []
        write = writing._HashedFile.write

        def until_full(self: Any, line: bytes) -> None:
            if len(written) == succeeding_writes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written.append(line)
            write(self, line)

        monkeypatch.setattr(writing._HashedFile, "write", until_full)

        with pytest.raises(SnapshotRefused, match=r"out could not be written: No space left on device.*make room"):
            write_snapshot(tmp_path / "out", kinds=["rankings", "pairs"])

        assert list(tmp_path.iterdir()) == []

    def test_refusal_of_the_kernel_at_the_last_flush_leaves_nothing_behind(self, tmp_path: Path) -> None:
        with files_no_larger_than(100), pytest.raises(SnapshotRefused, match="File too large"):
            write_snapshot(tmp_path / "out", kinds=["rankings"])

        assert list(tmp_path.iterdir()) == []

    def test_refusal_while_the_manifest_is_written_leaves_nothing_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(writing, "write_manifest", full)

        with pytest.raises(SnapshotRefused, match="No space left"):
            write_snapshot(tmp_path / "out", kinds=["rankings"])

        assert list(tmp_path.iterdir()) == []

    def test_a_place_that_is_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(SnapshotRefused, match=r"could not be written: (Not a directory|File exists)"):
            write_snapshot(tmp_path / "file" / "out", kinds=["rankings"])

    def test_folders_above_are_made(self, tmp_path: Path) -> None:
        write_snapshot(tmp_path / "a" / "b" / "out", kinds=["rankings"])

        verify_snapshot(tmp_path / "a" / "b" / "out")


@pytest.mark.usefixtures("ranked")
class TestImmutable:
    @pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
    def test_an_existing_name_is_refused(self, tmp_path: Path, make: Callable[[Path], None]) -> None:
        make(tmp_path / "out")

        with pytest.raises(SnapshotRefused, match="exists already, and a snapshot never changes"):
            write_snapshot(tmp_path / "out", kinds=["rankings"])

        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_files_are_read_only(self, tmp_path: Path) -> None:
        write_snapshot(tmp_path / "out", kinds=["rankings", "pairs"])

        files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
        assert len(files) == 5

    def test_nothing_is_visible_until_it_is_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[str] = []
        write_manifest = writing.write_manifest

        def look(directory: Path, manifest: Any) -> None:
            seen.extend(path.name for path in tmp_path.iterdir())
            write_manifest(directory, manifest)

        monkeypatch.setattr(writing, "write_manifest", look)
        write_snapshot(tmp_path / "out", kinds=["rankings"])

        (partial,) = seen
        assert partial.startswith(".out.")
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_the_first_of_two_exports_at_once_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_manifest = writing.write_manifest

        def somebody_else_is_quicker(directory: Path, manifest: Any) -> None:
            write_manifest(directory, manifest)
            shutil.copytree(directory, tmp_path / "out")

        monkeypatch.setattr(writing, "write_manifest", somebody_else_is_quicker)

        with pytest.raises(SnapshotRefused, match="exists already"):
            write_snapshot(tmp_path / "out", kinds=["rankings"])

        verify_snapshot(tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("ranked")
class TestLitter:
    def test_of_a_dead_export_is_removed_and_a_living_one_is_left_alone(self, tmp_path: Path) -> None:
        dead, living = tmp_path / ".out.dead.partial", tmp_path / ".other.living.partial"
        for partial in (dead, living):
            (partial / "rankings").mkdir(parents=True)
            (partial / "rankings" / "train.jsonl").write_text("{}")
        lock = os.open(living, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)

        write_snapshot(tmp_path / "out", kinds=["rankings"])
        os.close(lock)

        assert {path.name for path in tmp_path.iterdir()} == {"out", living.name}

    def test_of_others_is_not_followed_through_links(self, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "kept").touch()
        exports = tmp_path / "exports"
        exports.mkdir()
        (exports / ".link.partial").symlink_to(elsewhere)

        write_snapshot(exports / "out", kinds=["rankings"])

        assert (elsewhere / "kept").exists()


@pytest.mark.usefixtures("ranked")
class TestDamage:
    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        write_snapshot(tmp_path / "out", kinds=["rankings"])
        for path in (tmp_path / "out").rglob("*.json*"):
            path.chmod(0o644)
        return tmp_path / "out"

    def test_of_one_byte_is_found(self, directory: Path) -> None:
        file = directory / "rankings" / "train.jsonl"
        file.write_bytes(file.read_bytes().replace(b"Red", b"Rad"))

        with pytest.raises(Refused, match=r"rankings/train\.jsonl does not match its sha256"):
            verify_snapshot(directory)

    def test_of_a_missing_file_is_found(self, directory: Path) -> None:
        (directory / "rankings" / "train.jsonl").unlink()

        with pytest.raises(Refused, match=r"rankings/train\.jsonl can't be read"):
            verify_snapshot(directory)

    def test_of_an_added_file_is_found(self, directory: Path) -> None:
        (directory / "rankings" / "valid.jsonl").touch()

        with pytest.raises(Refused, match=r"rankings/valid\.jsonl is not in the manifest"):
            verify_snapshot(directory)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('"records": 1', '"records": 2', "does not match its own sha256"),
            ('"schema": 1', '"schema": 7', "has schema 7"),
            ('"files"', '"flies"', "is not a snapshot's manifest"),
            ("{", "", "is not a snapshot's manifest"),
        ],
    )
    def test_of_the_manifest_is_found(self, directory: Path, old: str, new: str, words: str) -> None:
        manifest = directory / "manifest.json"
        manifest.write_text(manifest.read_text().replace(old, new, 1))

        with pytest.raises(Refused, match=words):
            verify_snapshot(directory)

    def test_a_directory_that_is_no_snapshot_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="is not a snapshot"):
            verify_snapshot(tmp_path)


@pytest.mark.usefixtures("ranked")
class TestRecord:
    def test_a_snapshot_is_registered_once(self, tmp_path: Path) -> None:
        manifest = write_snapshot(tmp_path / "out", kinds=["rankings"])

        snapshot = register_snapshot(manifest=manifest, path=tmp_path / "out", made_by="olga")

        assert register_snapshot(manifest=manifest, path=tmp_path / "out", made_by="olga") == snapshot
        snapshot.refresh_from_db()
        assert (snapshot.path, snapshot.sha256) == (str(tmp_path / "out"), manifest.sha256)
        assert (snapshot.counts, snapshot.as_of) == (manifest.counts, manifest.as_of)

    def test_another_one_at_the_same_place_is_refused(self, tmp_path: Path) -> None:
        first = write_snapshot(tmp_path / "out", kinds=["rankings"])
        second = write_snapshot(tmp_path / "other", kinds=["rankings", "pairs"])
        register_snapshot(manifest=first, path=tmp_path / "out", made_by="olga")

        with pytest.raises(SnapshotRefused, match="with other content"):
            register_snapshot(manifest=second, path=tmp_path / "out", made_by="olga")


@pytest.mark.django_db(transaction=True)
def test_labelers_at_work_do_not_change_what_an_as_of_time_holds(tmp_path: Path) -> None:
    """Four labelers hand in rankings as fast as they can while exports run; each export, made again at the end with
    its own time, must give the same bytes. Without the lock in services/clock.py this fails: a ranking stamped before
    an export's time may commit after the export looked."""
    campaign = make_campaign()
    for _ in range(80):
        make_ready_task(make_prompt(campaign))
    labelers = [make_labeler(name) for name in ("alice", "bob", "carol", "dave")]
    a_ranking_first = rank(labelers[0], [1, 2, 3, 4])
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            while (assignment := claim_ranking(labeler=labelers[number])) is not None:
                judgements = [Judgement(shown_position=position, rank=position) for position in range(1, 5)]
                submit_ranking(
                    labeler=labelers[number], token=str(assignment.token), judgements=judgements, active_seconds=1
                )
        except BaseException as error:  # noqa: BLE001  (reported to the test)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    manifests: list[Manifest] = []
    while any(thread.is_alive() for thread in threads) or not manifests:
        manifests.append(write_snapshot(tmp_path / f"live-{len(manifests)}", kinds=["rankings", "pairs"]))
    for thread in threads:
        thread.join()

    assert not errors
    assert Ranking.objects.count() == 80
    assert a_ranking_first.pk in Ranking.objects.values_list("pk", flat=True)
    sizes = [sum(counts["rankings"] for counts in manifest.counts.values()) for manifest in manifests]
    assert sizes == sorted(sizes)
    for number, manifest in enumerate(manifests):
        write_snapshot(tmp_path / f"again-{number}", kinds=["rankings", "pairs"], as_of=manifest.as_of)
        assert bytes_of(tmp_path / f"again-{number}") == bytes_of(tmp_path / f"live-{number}")
