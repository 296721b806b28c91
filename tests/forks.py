"""Trainers in forks of the test's process, which has imported torch and transformers: a new interpreter reads them for
five seconds, longer than it then trains a tiny model. Some tests start real ones: `score` in a pipe, and torchrun.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import torch.distributed as dist

from tests.processes import free_port


def forked(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Popen for `PYTHON -m PROGRAM OPTIONS …`."""
    _python, _m, program, *argv = command
    main = import_module(f"{program}.__main__").main
    return fork(lambda: main(argv), **options)


def fork(
    work: Callable[[], int],
    *,
    env: dict[str, str] | None = None,
    preexec_fn: Callable[[], None] = lambda: None,
    **options: Any,
) -> subprocess.Popen[Any]:
    """Popen with the same options, but the new process does `work` where it would execute a program, and ends with the
    exit status that this returns.
    """

    def in_the_fork() -> None:
        preexec_fn()
        _begin_anew(env)
        _end(work)

    # Python itself ignores SIGPIPE; Popen would take that back for what it executes.
    return subprocess.Popen(["fork"], preexec_fn=in_the_fork, restore_signals=False, **options)  # noqa: PLW1509


def as_rank(rank: int, port: int) -> dict[str, str]:
    """The environment that torchrun gives to the first or the second of two processes."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return os.environ | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)}


def run_in_two(
    main: Callable[[Sequence[str]], int], commands: Sequence[Sequence[str]], place: Path
) -> tuple[list[list[int]], str]:
    """One command after another in the same two processes. Every rank's statuses, and what people were told."""
    ports = [free_port() for _ in commands]

    def run_all() -> int:
        statuses = []
        for port, argv in zip(ports, commands, strict=True):
            os.environ["MASTER_PORT"] = str(port)  # each needs a store of its own to meet in
            statuses.append(main(argv))
            if dist.is_initialized():  # after a refusal
                dist.destroy_process_group()
        (place / f"statuses-{os.environ['RANK']}.json").write_text(json.dumps(statuses))
        return 0

    files = [(place / f"said-{rank}").open("w") for rank in (0, 1)]
    both = [
        fork(run_all, env=as_rank(rank, 0), stdout=subprocess.DEVNULL, stderr=file) for rank, file in enumerate(files)
    ]
    try:
        ended = [each.wait(200) for each in both]
    finally:
        for each, file in zip(both, files, strict=True):
            each.kill()
            file.close()
    said = "".join(Path(file.name).read_text() for file in files)
    assert ended == [0, 0], said
    return [json.loads((place / f"statuses-{rank}.json").read_text()) for rank in (0, 1)], said


def _begin_anew(environment: dict[str, str] | None) -> None:
    """Lets go of what a program that is executed would not have: open files, handlers, pytest's own outputs."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the test's process has threads for it, which no fork gets
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8")
    gc.freeze()  # what the test's process threw away may wait for threads, which no fork gets, or crash without them
    gc.enable()  # Popen switches it off until the program would be executed


def _end(work: Callable[[], int]) -> NoReturn:
    """Does the work and ends with its status, as an interpreter ends."""
    try:
        status = work()
    except SystemExit as end:  # argparse's
        status = int(end.code or 0)
    except BaseException:  # noqa: BLE001  nobody is above it
        traceback.print_exc()
        status = 1
    try:
        sys.stdout.flush()
    except OSError:
        status = 120
    os._exit(status)
