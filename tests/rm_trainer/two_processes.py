"""The trainer's commands in two processes of this machine, as torchrun starts them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch.distributed as dist

from rm_trainer.__main__ import main
from tests.processes import free_port
from tests.rm_trainer.commands import ROOT

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# Without its compiler torchao takes the same steps, half a minute earlier.
ENVIRONMENT = os.environ | {"TORCHDYNAMO_DISABLE": "1"}


def run_in_turn(commands: Sequence[Sequence[str]], directory: Path) -> tuple[list[list[int]], str]:
    """One torchrun for all the commands, since its start takes longer than they do. Every rank's statuses, and what
    was said.
    """
    (directory / "commands.json").write_text(json.dumps([[str(free_port()), argv] for argv in commands]))
    result = subprocess.run(
        [*TORCHRUN, "-m", "tests.rm_trainer.two_processes", str(directory)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [json.loads((directory / f"statuses-{rank}.json").read_text()) for rank in range(2)], result.stderr


@contextmanager
def started_in_two(argv: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """The command under torchrun with its output on a pipe, killed at the latest when the block ends."""
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


def _run(port: str, argv: Sequence[str]) -> int:
    """One command after another in the same processes: each needs a store of its own to meet in."""
    os.environ |= {"TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_PORT": port}
    status = main(argv)
    if dist.is_initialized():  # after a refusal
        dist.destroy_process_group()
    return status


if __name__ == "__main__":
    told = Path(sys.argv[1])
    statuses = [_run(port, argv) for port, argv in json.loads((told / "commands.json").read_text())]
    (told / f"statuses-{os.environ['RANK']}.json").write_text(json.dumps(statuses))
