"""Workers say that they are up, in the database: Redis, by which Celery could be asked, may be what is down."""

import logging
import shutil
import subprocess
import threading
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from labeling.alerts.models import Gpu, WorkerSign

log = logging.getLogger(__name__)

EVERY_SECONDS = 20.0
FORGOTTEN_AFTER = timedelta(days=1)
"""A worker that was killed and never came back was moved or is not wanted any more."""
ASK_GPU = ("--query-gpu=name,memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits")
GPU_SECONDS = 5.0


class AliveThread(threading.Thread):
    """Says it every EVERY_SECONDS from the main process of a worker, also while its children are at work."""

    def __init__(self, *, name: str, queues: str) -> None:
        super().__init__(name="says that the worker is up", daemon=True)
        self.worker, self.queues = name, queues
        self.over = threading.Event()

    def run(self) -> None:
        while True:
            try:
                say_alive(name=self.worker, queues=self.queues, gpus=gpus() if self.queues != "default" else [])
            except (DatabaseError, InterfaceError) as error:
                log.warning("It could not be written down that %s is up: %s", self.worker, error)
            finally:
                connection.close()  # a child that is forked meanwhile must not share it
            if self.over.wait(EVERY_SECONDS):
                return

    def stop(self) -> None:
        """Takes the worker's row away: it was stopped in order and is missed by nobody."""
        self.over.set()
        self.join(timeout=GPU_SECONDS)
        try:
            WorkerSign.objects.filter(name=self.worker, queues=self.queues).delete()
        except (DatabaseError, InterfaceError) as error:
            log.warning("It could not be written down that %s is stopped: %s", self.worker, error)


def say_alive(*, name: str, queues: str, gpus: list[Gpu] | None = None) -> None:
    said = {"at": timezone.now(), "gpus": gpus or []}
    WorkerSign.objects.update_or_create(name=name, queues=queues, defaults=said)


def forget_gone_workers() -> None:
    WorkerSign.objects.filter(at__lt=timezone.now() - FORGOTTEN_AFTER).delete()


def gpus() -> list[Gpu]:
    """What nvidia-smi says of this host; nothing where there is none, or none that answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        said = subprocess.run(
            [program, *ASK_GPU], capture_output=True, text=True, timeout=GPU_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [gpu for line in said.splitlines() if (gpu := gpu_of(line))]


def gpu_of(line: str) -> Gpu | None:
    """A line of nvidia-smi; None where it says that it doesn't know.

    >>> gpu_of("NVIDIA H100 80GB HBM3, 1024, 81559, 37")
    {'name': 'NVIDIA H100 80GB HBM3', 'memory_used': 1024, 'memory_total': 81559, 'use': 37}
    >>> gpu_of("NVIDIA Tegra, [N/A], [N/A], [N/A]")
    """
    name, *numbers = (part.strip() for part in line.split(","))
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        return None
    used, total, use = map(int, numbers)
    return Gpu(name=name, memory_used=used, memory_total=total, use=use)
