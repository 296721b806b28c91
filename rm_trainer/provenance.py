"""From what, with what and where a model was made; written as manifest.json beside it, with every file's hash."""

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from rm_trainer.arguments import TrainArguments
from rm_trainer.checkpoint import write_json_file
from rm_trainer.data import Records
from rm_trainer.precision import Runtime
from rm_trainer.render import Renderer

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")
CODE = Path(__file__).parent
MANIFEST = "manifest.json"
OF_THE_RUN = (
    "base", "snapshot_sha256", "demonstrations_sha256", "code", "device", "dtype", "threads", "seed", "schedule",
    "config", "seconds", "tokens", "energy",
)  # fmt: skip


def provenance(
    arguments: TrainArguments, runtime: Runtime, renderer: Renderer, records: Records, *, steps: int
) -> dict[str, Any]:
    """For metrics.json."""
    return {
        "base": arguments.base,
        "snapshot_sha256": records.snapshot.sha256,
        "snapshot": snapshot_facts(arguments.data),
        "demonstrations_sha256": records.demonstrations_sha256,
        "template": "plain" if renderer.plain else "chat",
        "max_length": renderer.max_length,
        "schedule": {
            "shape": "cosine",
            "steps": steps,
            "warmup_steps": arguments.warmup_steps,
            "learning_rate": arguments.learning_rate,
            "final_learning_rate": arguments.learning_rate * arguments.final_learning_rate_fraction,
        },
        "config": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(arguments).items()},
        "seed": arguments.seed,
        **runtime.describe(),
        "code": code_version(),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
    }


def write_manifest(directory: Path, metrics: dict[str, Any]) -> None:
    """Last of all files, whose hashes it holds."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    packages = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"]}
    write_json_file(
        directory / MANIFEST,
        {
            "schema": 1,
            **{name: metrics.get(name) for name in OF_THE_RUN},
            "machine": {"platform": platform.platform(), "processors": os.cpu_count()},
            "python": platform.python_version(),
            "packages": dict(sorted(packages.items())),
            "files": {path.relative_to(directory).as_posix(): _sha256(path) for path in files},
        },
    )


def snapshot_facts(directory: Path) -> dict[str, Any]:
    """What the snapshot's own manifest says of the whole."""
    manifest = json.loads((directory / "manifest.json").read_bytes())
    return {name: manifest.get(name) for name in ("sha256", "as_of", "filters", "counts")}


def code_version(code: Path = CODE) -> dict[str, Any]:
    """`sources_sha256` names the trainer's code exactly, `commit` where it comes from, if that is a git work tree."""
    digest = hashlib.sha256()
    for path in sorted(code.rglob("*.py")):
        digest.update(f"{path.relative_to(code).as_posix()}\0{_sha256(path)}\n".encode())
    try:
        release = version("concord")
    except PackageNotFoundError:
        release = None
    tracked = _git(code, "ls-files", "--error-unmatch", ".") is not None
    changes = _git(code, "status", "--porcelain", "--", ".") if tracked else None
    return {
        "version": release,
        "commit": _git(code, "rev-parse", "HEAD") if tracked else None,
        "modified": None if changes is None else bool(changes),
        "sources_sha256": digest.hexdigest(),
    }


def _git(code: Path, *arguments: str) -> str | None:
    """None where there is no git, or the code isn't in a work tree."""
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
