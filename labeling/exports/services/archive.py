"""A snapshot as one file to download, after every hash was checked."""

import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeling.base.refusals import SnapshotRefused
from labeling.exports.models import Snapshot
from lm.errors import Refused
from lm.snapshot.manifest import MANIFEST_NAME, verify_snapshot

CHUNK_BYTES = 1 << 20
BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A .tar.gz by its name; the content as it is made, in constant memory."""

    name: str
    chunks: Iterator[bytes]


def archive_of(snapshot: Snapshot) -> Archive:
    """Raises SnapshotRefused, before the first byte, where the directory is gone or not what is on record."""
    directory = Path(snapshot.path)
    try:
        names = _checked_files(snapshot, directory)
    except Refused as refused:
        raise SnapshotRefused(str(refused)) from refused
    stem = f"snapshot-{snapshot.pk}-{snapshot.sha256[:8]}"
    return Archive(
        name=f"{stem}.tar.gz", chunks=tar_gz(directory, names, prefix=stem, modified=snapshot.as_of.timestamp())
    )


def _checked_files(snapshot: Snapshot, directory: Path) -> Sequence[str]:
    manifest = verify_snapshot(directory)
    if manifest.sha256 != snapshot.sha256:
        raise SnapshotRefused(f"{directory} holds another snapshot than the one on record. Export again.")
    return [MANIFEST_NAME, *(entry.path for entry in manifest.files)]


def tar_gz(directory: Path, names: Sequence[str], *, prefix: str, modified: float) -> Iterator[bytes]:
    """The named files of the directory under `prefix`/, all with one time stamp: the same files give the same bytes."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)  # 16: with gzip's header and checksum
    for name in names:
        for chunk in _entry(directory / name, f"{prefix}/{name}", modified):
            yield compressor.compress(chunk)
    yield compressor.compress(b"\0" * 2 * BLOCK)
    yield compressor.flush()


def _entry(path: Path, name: str, modified: float) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = path.stat().st_size, int(modified), 0o444
    yield info.tobuf()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
    yield b"\0" * (-info.size % BLOCK)
