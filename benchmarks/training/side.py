"""One side of a comparison, in a process of its own: what it is asked, what it says, and how it is started."""

import json
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
GIBIBYTE = 2**30


@dataclass(frozen=True, kw_only=True)
class Task:
    """Optimizer steps on one ranking of K completions, the earlier the better."""

    k: int
    prompt: int
    completion: int
    dtype: str
    checkpointing: bool = False
    steps: int = 2
    pairs_per_batch: int = 1
    """Of a peer on pairs: how many in memory at a time."""
    small: bool = False

    @property
    def pairs(self) -> int:
        return self.k * (self.k - 1) // 2

    @property
    def tokens(self) -> str:
        return f"K={self.k}, {self.prompt}/{self.completion} tokens"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """seconds: of the fastest step; loss: before the first step; peak: bytes of memory, the process's high-water."""

    seconds: float
    loss: float
    peak: int


class PeerMissing(RuntimeError):
    """The peers' virtual environment isn't there; the message says how to make it."""


def ask(module: str, given: dict[str, Any], *, python: Path | str = sys.executable) -> dict[str, Any]:
    """Runs `python -m module JSON` from the root and returns the JSON object that its last line is."""
    if not Path(python).exists():
        raise PeerMissing(f"{python} is missing: make .venv-bench/.bench installs what is compared with.")
    command = [str(python), "-m", module, json.dumps(given)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def measure(module: str, task: Task, *, python: Path | str = sys.executable, **more: str) -> Answer:
    return Answer(**ask(module, asdict(task) | more, python=python))


def peak_memory() -> int:
    """Bytes that this process held at its worst. getrusage would also count what the parent held when it forked."""
    said = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(said[1]) * 1024 if said else 0


def answer(seconds: list[float], loss: float) -> None:
    print(json.dumps(asdict(Answer(seconds=min(seconds), loss=loss, peak=peak_memory()))), flush=True)
