"""Documentation that cannot lie: every setting that is read is documented, with its default, and nothing else is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from config.env import Environment
from laptop.defaults import LAPTOP_DEFAULTS

ROOT = Path(__file__).resolve().parent.parent
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
EXAMPLE = ROOT / ".env.example"


def documented_rows() -> dict[str, tuple[str, str, str]]:
    """Variable → (default, laptop's value, meaning), as docs/settings.md shows them."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.*?) ?\| (.*) \|$", SETTINGS_PAGE.read_text(), re.MULTILINE)
    return {name: (default, laptop, meaning) for name, default, laptop, meaning in rows}


def quoted(value: str) -> str:
    return f"`{value}`" if value else "unset"


def test_the_settings_page_shows_every_setting_with_its_default_and_nothing_else() -> None:
    environment: Environment = settings.ENVIRONMENT
    expected = {
        name: (quoted(read.default), quoted(LAPTOP_DEFAULTS[name]) if name in LAPTOP_DEFAULTS else "", read.about)
        for name, read in environment.settings.items()
    }
    assert documented_rows() == expected


def test_the_example_environment_names_every_setting_with_its_default_and_nothing_else() -> None:
    environment: Environment = settings.ENVIRONMENT
    shown = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    expected = {name: read.default.removesuffix(" in production") for name, read in environment.settings.items()}
    compose_only = {"POSTGRES_PASSWORD": "", "WEB_ADDRESS": "127.0.0.1:8000", "VLLM_MODEL": ""}
    assert shown == expected | compose_only


def test_laptop_values_belong_to_settings_that_exist() -> None:
    assert LAPTOP_DEFAULTS.keys() <= settings.ENVIRONMENT.settings.keys()


@pytest.mark.processes
def test_the_example_environment_is_accepted_as_it_stands() -> None:
    pairs = re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    given = {name: value for name, value in pairs if name != "DATABASE_URL"}
    finished = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("*.md")), ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("*.md")), ids=lambda page: page.name
)
def test_files_that_pages_name_are_there(page: Path) -> None:
    """Paths from the root of the project; capitals and … stand for something."""
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_.-]*(?:\.[a-z]+)?)`", page.read_text())
    ours = [name for name in named if (ROOT / name.partition("/")[0] / "__init__.py").exists()]
    assert [name for name in ours if not (ROOT / name).exists()] == []


def test_every_documented_command_of_manage_py_exists() -> None:
    from django.core.management import get_commands

    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
    named = {name for page in pages for name in re.findall(r"manage\.py ([a-z][a-z_]+)", page.read_text())}
    assert named <= get_commands().keys()


def test_every_command_of_ours_is_documented_for_operators() -> None:
    from django.core.management import get_commands

    ours = {name for name, app in get_commands().items() if app in {"laptop", "labeling"}}
    page = (ROOT / "docs" / "operations.md").read_text()
    assert ours == {name for name in ours if f"`manage.py {name}" in page}
