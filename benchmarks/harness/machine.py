"""Where and on what a figure was measured."""

import os
import platform
import re
import subprocess
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent


def processor() -> str:
    """Returns for example "AMD EPYC 9V74, 2 cores": the model as the kernel names it, and the cores that we may use."""
    cores = len(os.sched_getaffinity(0))
    try:
        said = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        said = None
    model = said.group(1).strip() if said else platform.processor() or platform.machine()
    return f"{model}, {cores} core{'s' if cores != 1 else ''}"


def busy_percent() -> float:
    """How much of the processor is in use while we do nothing."""
    return psutil.cpu_percent(interval=2.0)


def busy(percent: float) -> str:
    """What to add to the device of figures that other work spoiled: they are worse than the program is."""
    return f", {percent:.0f}% busy with other work" if percent > 25 else ""


def commit() -> str:
    """Short hash, with "+" where the measured tree differs from it; "unknown" outside a git repository."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git(
            "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results", ":!docs", ":!README.md"
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}+" if changed else head


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
