"""What is made sure of before the first step, and between two steps."""

import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
import torch.distributed as dist
from transformers import PreTrainedModel

from rm_trainer.arguments import Optimizer
from rm_trainer.distributed.ranks import ALONE, Ranks
from rm_trainer.errors import Failed, Refused
from rm_trainer.resume import checkpoints_of

LOST = (torch.AcceleratorError, torch.OutOfMemoryError, dist.DistError)


@contextmanager
def sole_writer(output: Path, ranks: Ranks = ALONE) -> Iterator[None]:
    """The first rank holds `.NAME.lock` beside the output. Raises Refused while another run does, or where the hosts
    of this one don't see the same file.

    The kernel lets go of it when the process ends, however it ends. The file goes with the run: whoever opened it
    before that looks whether it still has its name.
    """
    path = output.absolute().with_name(f".{output.absolute().name}.lock")
    with ranks.agreed():
        descriptor = _locked(path, output) if ranks.first else None
    try:
        with ranks.agreed():
            if not path.exists():
                raise Refused(f"{path.parent} is another place on another host. Give an --output that all hosts share.")
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def refuse_full_disk(
    output: Path, model: PreTrainedModel, *, checkpoints: bool, optimizer: Optimizer = "adamw"
) -> None:
    """Raises Refused unless the weights fit, and with checkpoints two of them: what is trained, and its two moments.
    The checkpoints of this very run, when it goes on, make room for the next ones.
    """
    weights = sum(one.numel() * one.element_size() for one in model.parameters())
    trained = sum(one.numel() * one.element_size() for one in model.parameters() if one.requires_grad)
    moments = 2 * trained if optimizer == "adamw" else trained // 2  # of 4 bytes a weight, or of 1
    needed = weights + (2 * (trained + moments) if checkpoints else 0)
    held = sum(path.stat().st_size for path in checkpoints_of(output).rglob("*") if path.is_file())
    free = shutil.disk_usage(output.absolute().parent).free + held
    if free < needed:
        raise Refused(
            f"{output.absolute().parent} has {free / 2**30:.1f} GiB free and the run needs {needed / 2**30:.1f} GiB. "
            f"Make room, or give an --output elsewhere."
        )


@contextmanager
def faults_told(what_is_kept: Callable[[], str]) -> Iterator[None]:
    """Says of a device or a process that was lost what happened and how to go on. Raises Failed for it."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, LOST) and "/gloo/" not in str(error):  # gloo's errors have no class of their own
            raise
        raise Failed(f"{_what_was_lost(error)}: {str(error).splitlines()[0].rstrip('.')}. {what_is_kept()}") from error


@dataclass
class Stop:
    asked: bool = False


@contextmanager
def sigterm_after_the_step(*, enabled: bool) -> Iterator[Stop]:
    """Inside it SIGTERM only asks: the step is finished and saved first. Not enabled, SIGTERM acts at once."""
    stop = Stop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.asked = True

    if not enabled:
        yield stop
        return
    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _what_was_lost(error: RuntimeError) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return "The device has not enough memory (lower --tokens-per-microbatch or give --recompute-activations)"
    if isinstance(error, torch.AcceleratorError):
        return "The device failed"
    return "Another process of the run is gone"


def _locked(path: Path, output: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise Refused(f"Another training writes to {output}. Wait for it, or give another --output.") from error
        os.close(descriptor)
