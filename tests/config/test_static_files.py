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
    return directory / "js"


def imported_by(script: Path) -> list[str]:
    return re.findall(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\./[^"']+)["']""", script.read_text(encoding="utf-8"))


def test_every_import_is_of_a_hashed_file_that_is_there(collected: Path) -> None:
    scripts = [path for path in collected.glob("*.js") if HASHED.search(path.name)]
    imports = {name for script in scripts for name in imported_by(script)}
    assert len(imports) > 8
    assert [name for name in imports if not HASHED.search(name)] == []
    assert [name for name in imports if not (collected / name).is_file()] == []


def test_a_changed_module_changes_the_names_of_those_that_import_it(collected: Path) -> None:
    """Otherwise a browser would run yesterday's page script, from its cache, with today's server."""
    state = next(path.name for path in collected.glob("ranking-state.*.js") if HASHED.search(path.name))
    board = next(path for path in collected.glob("ranking-board.*.js") if HASHED.search(path.name))
    assert f"./{state}" in imported_by(board)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Their names would depend on each other, and collecting them would never end."""
    imports = {path.name: {name[2:] for name in imported_by(path)} for path in (ROOT / "static" / "js").glob("*.js")}
    left = dict(imports)
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert left == {}
