"""The trainer's commands in two processes of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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
