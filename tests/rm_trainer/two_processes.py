"""The trainer's commands in two processes of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rm_trainer.__main__ import main
from tests.forks import as_rank, fork
from tests.processes import free_port
from tests.rm_trainer.commands import ROOT

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# Without its compiler torchao takes the same steps, half a minute earlier.
ENVIRONMENT = os.environ | {"TORCHDYNAMO_DISABLE": "1"}


@contextmanager
def started_by_torchrun(argv: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """The command with its output on a pipe, killed at the latest when the block ends."""
    with subprocess.Popen(
        [*TORCHRUN, "-m", "rm_trainer", *argv],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def started_in_two(argv: Sequence[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """The command in both, in forks, with their outputs on pipes, killed at the latest when the block ends."""
    port = free_port()
    both = [
        fork(lambda: main(argv), env=as_rank(rank, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    try:
        yield both
    finally:
        for process in both:
            process.kill()
            process.communicate()
