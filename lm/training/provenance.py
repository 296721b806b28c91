"""The data, the programs and the machine that a model was made with; written as manifest.json beside it, with every
file's hash.
"""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from lm.atomic_files import write_json_file
from lm.rendering import Renderer
from lm.run_facts import CodeVersion, Provenance
from lm.snapshot.reading import Snapshot
from lm.training.arguments import TrainingArguments
from lm.training.runtime import Runtime

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")
MANIFEST = "manifest.json"
LM = Path(__file__).parents[1]


def provenance(
    arguments: TrainingArguments,
    runtime: Runtime,
    renderer: Renderer,
    snapshot: Snapshot,
    *,
    steps: int,
    trainer: Path,
    shape: str = "cosine",
) -> Provenance:
    """Returns what metrics.json says of it. `trainer`: the directory of the trainer's own code; `shape`: of the
    learning rate over the steps.
    """
    return {
        "base": arguments.base,
        "snapshot_sha256": snapshot.sha256,
        "snapshot": snapshot.manifest.facts(),
        "template": "plain" if renderer.plain else "chat",
        "max_length": renderer.max_length,
        "schedule": {
            "shape": shape,
            "steps": steps,
            "warmup_steps": arguments.warmup_steps,
            "learning_rate": arguments.learning_rate,
            "final_learning_rate": arguments.learning_rate * arguments.final_learning_rate_fraction,
        },
        "config": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(arguments).items()},
        "seed": arguments.seed,
        **runtime.describe(),
        "code": code_version(trainer, LM),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
    }


def write_manifest(directory: Path, facts: Mapping[str, object]) -> None:
    """Writes manifest.json with the facts of the run, last of all files, whose hashes it holds."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    write_json_file(
        directory / MANIFEST,
        {
            "schema": 1,
            **facts,
            "machine": {"platform": platform.platform(), "processors": os.cpu_count()},
            "python": platform.python_version(),
            "packages": installed_packages(),
            "files": {path.relative_to(directory).as_posix(): _sha256(path) for path in files},
        },
    )


@cache
def installed_packages() -> Mapping[str, str]:
    """Returns each package's version. Read once a process, since hundreds of files take a tenth of a second; a package
    installed meanwhile is none that the process runs.
    """
    found = [one.metadata for one in distributions()]
    return dict(sorted({one["Name"]: one["Version"] for one in found if one["Name"]}.items()))


def code_version(*packages: Path) -> CodeVersion:
    """Returns which code the packages hold: one directory or more, of one work tree or of none."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent).as_posix()
            digest.update(f"{name}\0{_sha256(path)}\n".encode())
    try:
        release = version("concord")
    except PackageNotFoundError:
        release = None
    places = [str(package) for package in packages]
    tracked = _git(packages[0], "ls-files", "--error-unmatch", "--", *places) is not None
    changes = _git(packages[0], "status", "--porcelain", "--", *places) if tracked else None
    return {
        "version": release,
        "commit": _git(packages[0], "rev-parse", "HEAD") if tracked else None,
        "modified": None if changes is None else bool(changes),
        "sources_sha256": digest.hexdigest(),
    }


def _git(code: Path, *arguments: str) -> str | None:
    """Returns None where there is no git, or the code isn't in a work tree."""
    try:
        done = subprocess.run(
            ["git", "-C", str(code), *arguments], check=False, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
