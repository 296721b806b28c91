"""The servers that are compared, each a process of its own with the same weights."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.desk.web import free_port
from benchmarks.training.side import PEERS_PYTHON
from lm.chat_template import plain_template
from lm.child_processes import die_with_parent

START_SECONDS = 180.0
STOP_SECONDS = 30.0


class NotStarted(Exception):
    """The server does not run here; the message says why."""


@contextmanager
def ours(model: Path) -> Iterator[str]:
    """`python -m sampler serve`: the address of its /v1."""
    command = [sys.executable, "-m", "sampler", "serve", "--model", f"policy={model}"]
    with _running(command, "ours", model.parent) as address:
        yield f"{address}/v1"


@contextmanager
def transformers_serve(model: Path) -> Iterator[str]:
    """The library's own server, preloaded, in the virtual environment of the peers. Raises NotStarted."""
    program = PEERS_PYTHON.with_name("transformers")
    if not program.exists():
        raise NotStarted(f"`transformers serve` is not installed: {program} is missing (make bench installs it).")
    command = [str(program), "serve", str(model), "--continuous-batching", "--dtype", "bfloat16"]
    with _running(command, "transformers", model.parent, HF_HUB_OFFLINE="1") as address:
        yield f"{address}/v1"


def with_chat_template(model: Path, output: Path) -> Path:
    """The same weights with a chat template, which the library's server demands: the plain format, written as one."""
    output.mkdir(parents=True)
    for file in model.iterdir():
        if file.name != "tokenizer_config.json" and file.is_file():
            (output / file.name).symlink_to(file.resolve())
    config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    config["chat_template"] = plain_template(config.get("bos_token") or "")
    (output / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    return output


@contextmanager
def _running(command: Sequence[str], name: str, logs: Path, **environment: str) -> Iterator[str]:
    port = free_port()
    log = logs / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            env=_environment(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  (no threads run yet)
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_answering(address, process, log)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "SERVING_SECRET"}
    return kept | {"OMP_WAIT_POLICY": "passive"} | dict(more)


def _wait_until_answering(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except OSError:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            end = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise NotStarted(f"It does not answer:\n{end}") from None
        return
