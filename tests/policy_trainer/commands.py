"""The trainer's commands, as a program calls them."""

import json
from pathlib import Path
from typing import Any

from policy_trainer.__main__ import main


def run(command: str, data: Path, base: Path, output: Path, *options: str) -> int:
    argv = [command, "--data", str(data), "--base", str(base), "--output", str(output), *options]
    return main([*argv, "--threads", "1"])


def train(command: str, data: Path, base: Path, output: Path, *options: str) -> int:
    return run(command, data, base, output, "--preset", "tiny", "--progress", "jsonl", *options)


def metrics(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "metrics.json").read_text())
    return found


def weights(output: Path) -> bytes:
    return (output / "model.safetensors").read_bytes()


def events(output: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (output / "training_log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]
