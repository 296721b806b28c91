"""Files that are there whole or not at all: what is written goes under a dotted name, is synced, then renamed."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from rm_trainer.distributed.ranks import ALONE, Ranks
from rm_trainer.errors import Failed, Refused


def refuse_used_output(output: Path) -> None:
    """Raises Refused when `output` holds something already or can't be made; called before any work is done."""
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise Refused(f"{output} exists and is not a directory. Give another --output.")
    if output.is_dir() and any(output.iterdir()):
        raise Refused(
            f"{output} exists and is not empty; nothing in it is overwritten. Give another --output or move it away."
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{output.parent} can't be made: {error.strerror}. Give another --output.") from error


@contextmanager
def whole_directory(output: Path, ranks: Ranks = ALONE) -> Iterator[Path]:
    """A directory to fill, the same one on every rank; it becomes `output` when the block ends well on all of them and
    vanishes when it doesn't, whatever the reason.

    A leftover of an earlier run that was killed while writing is replaced. Raises Failed when the disk refuses.
    """
    unfinished = output.absolute().with_name(f".{output.absolute().name}.unfinished")
    try:
        with ranks.agreed(), _told(output):
            if ranks.first:
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
        with ranks.agreed(), _told(output):
            yield unfinished
        with ranks.agreed(), _told(output):
            if ranks.first:
                _finish(unfinished, output)
    finally:
        if ranks.first:
            shutil.rmtree(unfinished, ignore_errors=True)


def write_json_file(path: Path, content: dict[str, Any]) -> None:
    """Replaces `path` by the content, whole or not at all. Raises Failed when the disk refuses."""
    write_text_file(path, [json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False), "\n"])


def write_text_file(path: Path, pieces: Iterable[str]) -> None:
    """Replaces `path` by the pieces as they come, whole or not at all. Raises Failed when the disk refuses."""
    unfinished = path.absolute().with_name(f".{path.name}.unfinished")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        _sync(path.absolute().parent)
    except OSError as error:
        raise Failed(f"{path} could not be written: {error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _told(output: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise Failed(f"{output} could not be written: {error}. Nothing of it is left behind.") from error


def _finish(unfinished: Path, output: Path) -> None:
    for path in [*unfinished.rglob("*"), unfinished]:
        _sync(path)
    unfinished.rename(output)
    _sync(output.absolute().parent)


def _sync(path: Path) -> None:
    """Files and directories both: a name is on the disk only when its directory is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
