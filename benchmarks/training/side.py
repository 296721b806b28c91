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
PPO_PEERS_PYTHON = ROOT / ".venv-bench-ppo" / "bin" / "python"
"""Of the last TRL that has PPO."""
GIBIBYTE = 2**30
PROMPTS_A_STEP = 64
"""InstructGPT's batch, and what `train` takes where nothing else is said."""


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
    def unique_tokens(self) -> int:
        return self.prompt + self.k * self.completion

    @property
    def full_tokens(self) -> int:
        return self.k * (self.prompt + self.completion)

    @property
    def tokens(self) -> str:
        return f"K={self.k}, {self.prompt}/{self.completion} tokens"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Seconds of the fastest of a few steps, its two parts apart; those of the gradients a prompt.

    loss: before the first step. peak: bytes of memory, the process's high-water mark.
    """

    gradients: float
    optimizer: float
    loss: float
    peak: int

    @property
    def a_prompt(self) -> float:
        """Seconds of a step of PROMPTS_A_STEP such prompts, a prompt."""
        return self.gradients + self.optimizer / PROMPTS_A_STEP


class PeerMissing(RuntimeError):
    """A peer's virtual environment isn't there; the message says how to make it."""


def ask(module: str, given: dict[str, Any], *, python: Path | str = sys.executable) -> dict[str, Any]:
    """Runs `python -m module JSON` from the root and returns the JSON object that its last line is."""
    if not Path(python).exists():
        environment = ".venv-bench-ppo" if Path(python) == PPO_PEERS_PYTHON else ".venv-bench"
        raise PeerMissing(f"{python} is missing: make {environment}/.bench installs what is compared with.")
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


def answer(gradients: list[float], optimizer: list[float], loss: float) -> None:
    said = Answer(gradients=min(gradients), optimizer=min(optimizer), loss=loss, peak=peak_memory())
    print(json.dumps(asdict(said)), flush=True)
