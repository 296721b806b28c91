"""The place that a run writes to: checked before the first step, held by one run, and filled whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError
from torch import nn

from lm.atomic_files import atomic_directory, disk_errors_told
from lm.errors import Failed, Refused
from lm.training.arguments import Optimizer
from lm.training.processes import ALONE, Processes


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


def refuse_full_disk(
    output: Path,
    model: nn.Module,
    *further: nn.Module,
    models: int = 1,
    checkpoints: bool,
    averaged: bool = False,
    optimizer: Optimizer = "adamw",
) -> None:
    """Raises Refused unless there is room for so many `models` at a time and, with checkpoints, two of those: what is
    trained of this and `further` models, its two moments and, if they are `averaged`, the model's averages.

    What this very run left there, when it goes on, makes room for what comes.
    """
    trained = _size(model, *further, only_trained=True)
    moments = 2 * trained if optimizer == "adamw" else trained // 2  # of 4 bytes a weight, or of 1
    checkpoint = trained + moments + (_size(model, only_trained=True) if averaged else 0)
    needed = models * _size(model) + (2 * checkpoint if checkpoints else 0)
    own = output.absolute().parent.glob(f".{output.name}.*")
    held = sum(path.stat().st_size for one in own for path in one.rglob("*") if path.is_file())
    free = shutil.disk_usage(output.absolute().parent).free + held
    if free < needed:
        raise Refused(
            f"{output.absolute().parent} has {free / 2**30:.1f} GiB free and the run needs {needed / 2**30:.1f} GiB. "
            f"Make room, or give an --output elsewhere."
        )


def _size(*models: nn.Module, only_trained: bool = False) -> int:
    """Bytes."""
    weights = (one for model in models for one in model.parameters() if one.requires_grad or not only_trained)
    return sum(one.numel() * one.element_size() for one in weights)


@contextmanager
def sole_writer(output: Path, processes: Processes = ALONE) -> Iterator[None]:
    """Holds `.NAME.lock` beside the output, in the first process.

    Raises Refused while another run does, or where the hosts of this one don't see the same file. The kernel lets go of
    it when the process ends, however it ends; the file goes with the run.
    """
    lock = FileLock(_beside(output, "lock"), mode=0o600)
    path = Path(lock.lock_file)
    with processes.agreed():
        if processes.first:
            _acquire(lock, output)
    try:
        with processes.agreed():
            if not path.exists():
                raise Refused(f"{path.parent} is another place on another host. Give an --output that all hosts share.")
        yield
    finally:
        if processes.first:
            path.unlink(missing_ok=True)
            lock.release()


@contextmanager
def shared_atomic_directory(directory: Path, processes: Processes = ALONE) -> Iterator[Path]:
    """Yields a directory to fill, the same one to every process; it becomes `directory` when the block ends well on all
    of them and vanishes when it doesn't, whatever the reason. Raises Failed when the disk refuses.
    """
    with ExitStack() as filled:
        # the first process makes it
        with processes.agreed():
            partial = filled.enter_context(atomic_directory(directory)) if processes.first else None
        # all fill it
        shared = processes.from_first(partial)
        with processes.agreed(), disk_errors_told(directory), _safetensors_errors_told(directory):
            yield shared
        # the first process syncs and renames it
        with processes.agreed():
            filled.close()


def checkpoints_of(output: Path) -> Path:
    """Returns where the run's checkpoints lie while there are any."""
    return _beside(output, "checkpoints")


def _beside(output: Path, kind: str) -> Path:
    return output.absolute().with_name(f".{output.absolute().name}.{kind}")


def _acquire(lock: FileLock, output: Path) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout as held:
        raise Refused(f"Another training writes to {output}. Wait for it, or give another --output.") from held


@contextmanager
def _safetensors_errors_told(directory: Path) -> Iterator[None]:
    try:
        yield
    except SafetensorError as error:
        raise Failed(f"{directory} could not be written: {error}. Nothing of it is left behind.") from error
