"""`python -m benchmarks [--quick] [NAME …]`: every benchmark, or those named, each in a process of its own.

A benchmark is a file of this folder with a `main(quick)`; the folders beside it are what benchmarks are made of.
"""

import argparse
import pkgutil
import subprocess
import sys
from collections.abc import Sequence

import benchmarks
from benchmarks.harness.machine import ROOT


def names() -> list[str]:
    found = pkgutil.iter_modules(benchmarks.__path__)
    return sorted(module.name for module in found if not module.ispkg and module.name != "__main__")


def run_all(chosen: Sequence[str], *, quick: bool) -> list[str]:
    """Runs one after the other, also past one that fails; returns the names of those that failed."""
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if quick else [])]
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run benchmarks, one after the other.")
    parser.add_argument("--quick", action="store_true", help="Small sizes; each ends within a minute.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    given = parser.parse_args()
    if unknown := set(given.names) - set(names()):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    if failed := run_all(given.names or names(), quick=given.quick):
        sys.exit(f"Failed: {', '.join(failed)}. What they said is above.")


if __name__ == "__main__":
    main()
