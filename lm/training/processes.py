"""The processes of one run, as `torchrun -m rm_trainer` starts them; one process alone is the simplest case.

What they tell each other goes over gloo; weights and gradients go over the backend of the device (NCCL on GPUs).
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from lm.errors import Failed, Refused

T = TypeVar("T")

FROM_THE_LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
PATIENCE = timedelta(minutes=30)
"""How long a process waits for another: more than loading or writing a model takes."""
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


@dataclass(frozen=True)
class Processes:
    """This process's place among the `size` of the run, and among the `local_size` on its host. `mesh` says the same
    to FSDP, and is there where there are several.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    mesh: DeviceMesh | None = None

    @property
    def first(self) -> bool:
        """The one that talks and writes."""
        return self.rank == 0

    def add_up(self, values: Tensor) -> Tensor:
        """Sums a tensor on the CPU over the processes, in place, and returns it."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def any(self, flag: bool, /) -> bool:  # noqa: FBT001  one flag is all there is
        return self.add_up(torch.tensor(float(flag))).item() > 0

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """What one process raises inside, all raise at its end: itself its own error, the others the same words.

        Without it the others would wait for that process. Processes must not wait for each other inside.
        """
        if self.size == 1:
            yield
            return
        error: Exception | None = None
        try:
            yield
        except Exception as raised:  # noqa: BLE001  raised again below, when the others know
            error = raised
        self._raise_together(error)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """One process of a host after another, for what a host has memory for once. Agreed, as above."""
        for _ in range(self.local_rank):
            self._raise_together(None)
        with self.agreed():
            yield
        for _ in range(self.local_rank + 1, self.local_size):
            self._raise_together(None)

    def tells_the_end(self) -> bool:
        """Returns whether this process says why the run ends: the one that asks first, as the others only follow."""
        if self.size == 1:
            return True
        try:
            store = dist.group.WORLD.get_group_store()  # type: ignore[union-attr]
            return bool(store.compare_set("first_to_end", "", str(self.rank)) == str(self.rank).encode())
        except (RuntimeError, AttributeError):  # the store went down with its host, or never came up
            return self.first

    def from_first(self, value: T | None) -> T:
        """Returns to every process what the first one gives; the others give None."""
        values: list[T | None] = [value]
        if self.size > 1:
            dist.broadcast_object_list(values)
        return cast("T", values[0])

    def gathered(self, value: T) -> list[T]:
        """Returns to every process what each of them gives, by rank."""
        values: list[T | None] = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return cast("list[T]", values)

    def _raise_together(self, error: Exception | None) -> None:
        everyones: list[tuple[bool, str] | None] = [None] * self.size
        dist.all_gather_object(everyones, None if error is None else _in_words(error))
        if error is not None:
            raise error
        for told in everyones:
            if told is not None:
                refused, words = told
                raise Refused(words) if refused else Failed(words)


ALONE = Processes()


def launched() -> Processes:
    """Returns this process's place after what the launcher left in the environment. Raises Refused for half of it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    missing = [name for name in FROM_THE_LAUNCHER if name not in os.environ]
    if missing:
        raise Refused(f"WORLD_SIZE is {size} and {', '.join(missing)} is not set. Start with torchrun.")
    return Processes(
        rank=int(os.environ["RANK"]),
        size=size,
        local_rank=int(os.environ["LOCAL_RANK"]),
        local_size=int(os.environ["LOCAL_WORLD_SIZE"]),
    )


@contextmanager
def joined(processes: Processes, *, device: str) -> Iterator[Processes]:
    """Inside it the processes can talk, and each has a device of its own.

    Raises Refused for more processes than devices.
    After an error the group stays as it is: a process that is no longer there can't be asked to close it.
    """
    if processes.size == 1:
        yield processes
        return
    _die_with_the_launcher()
    accelerator = None if device == "cpu" else torch.accelerator.current_accelerator(check_available=True)
    dist.init_process_group("gloo" if accelerator is None else _backends(accelerator), timeout=PATIENCE)
    if accelerator is not None:
        with processes.agreed():
            _take_a_device(processes)
    mesh = init_device_mesh("cpu" if accelerator is None else accelerator.type, (processes.size,))
    yield replace(processes, mesh=mesh)
    dist.destroy_process_group()


def _backends(accelerator: torch.device) -> str:
    return f"cpu:gloo,{accelerator.type}:{dist.get_default_backend_for_device(accelerator)}"


def _take_a_device(processes: Processes) -> None:
    devices = torch.accelerator.device_count()
    if processes.local_size > devices:
        raise Refused(
            f"{processes.local_size} processes were started here and there are {devices} devices. "
            f"Give torchrun --nproc-per-node {devices}, or --device cpu."
        )
    torch.accelerator.set_device_index(processes.local_rank)


def _die_with_the_launcher() -> None:
    """SIGTERM when torchrun is killed, which could not send it then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _in_words(error: Exception) -> tuple[bool, str]:
    known = isinstance(error, (Refused, Failed))
    return isinstance(error, Refused), str(error) if known else f"{type(error).__name__}: {error}"
