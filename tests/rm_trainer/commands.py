"""The trainer's commands, as a program calls them: in this process, or in one of their own."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rm_trainer.__main__ import main
from tests.forks import fork

ROOT = Path(__file__).resolve().parents[2]


def train_argv(data: Path, base: Path, output: Path, *options: str) -> list[str]:
    """Small batches and a rate at which the tiny model learns within seconds."""
    return [
        "train", "--data", str(data), "--base", str(base), "--output", str(output),
        "--learning-rate", "3e-3", "--rankings-per-batch", "8", "--tokens-per-microbatch", "4096",
        "--dtype", "float32", "--threads", "1", "--progress", "jsonl", *options,
    ]  # fmt: skip


def train(data: Path, base: Path, output: Path, *options: str) -> int:
    return main(train_argv(data, base, output, *options))


@contextmanager
def started(argv: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own with both outputs on pipes, killed at the latest when the block ends."""
    with fork(lambda: main(argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]
