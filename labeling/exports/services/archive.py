"""A snapshot as one .tar.gz, made while it is sent: memory stays constant however large it is."""

import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

CHUNK_BYTES = 1 << 20
BLOCK = tarfile.BLOCKSIZE


def tar_gz(directory: Path, names: Sequence[str], *, prefix: str, modified: float) -> Iterator[bytes]:
    """The named files of the directory under `prefix`/, all with one time stamp: the same files give the same bytes."""
    squeeze = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)  # 16: with gzip's header and checksum
    for name in names:
        for chunk in _entry(directory / name, f"{prefix}/{name}", modified):
            yield squeeze.compress(chunk)
    yield squeeze.compress(b"\0" * 2 * BLOCK)
    yield squeeze.flush()


def _entry(path: Path, name: str, modified: float) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = path.stat().st_size, int(modified), 0o444
    yield info.tobuf()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
    yield b"\0" * (-info.size % BLOCK)
