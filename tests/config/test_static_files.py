"""Collected scripts name each other by their content: one module is one file to the browser, whoever imports it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("collected")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=ROOT,
        env=os.environ | {"STATIC_DIR": str(directory)},
        check=True,
    )
    return directory


def scripts_of(directory: Path) -> list[Path]:
    """Concord's own: Unfold and Django bring others."""
    own = [path.name for path in (ROOT / "static").iterdir() if path.is_dir()]
    return [path for name in own for path in sorted((directory / name).rglob("*.js"))]


def imported_by(script: Path) -> list[Path]:
    names = re.findall(
        r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.{1,2}/[^"']+)["']""", script.read_text(encoding="utf-8")
    )
    return [(script.parent / name).resolve() for name in names]


def test_every_import_is_of_a_hashed_file_that_is_there(collected: Path) -> None:
    scripts = [path for path in scripts_of(collected) if HASHED.search(path.name)]
    imports = {path for script in scripts for path in imported_by(script)}
    assert len(imports) > 12
    assert [path.name for path in imports if not HASHED.search(path.name)] == []
    assert [path for path in imports if not path.is_file()] == []


def test_a_changed_module_changes_the_names_of_those_that_import_it(collected: Path) -> None:
    """Otherwise a browser would run yesterday's page script, from its cache, with today's server."""
    ranking = collected / "desk" / "ranking"
    state = next(path for path in ranking.glob("state.*.js") if HASHED.search(path.name))
    display = next(path for path in ranking.glob("display.*.js") if HASHED.search(path.name))
    assert state.resolve() in imported_by(display)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Their names would depend on each other, and collecting them would never end."""
    left = {path: set(imported_by(path)) for path in scripts_of(ROOT / "static")}
    assert len(left) > 30
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert left == {}
