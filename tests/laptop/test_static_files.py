"""Style sheets and scripts are collected again when they changed, and only then."""

from pathlib import Path

import pytest
from pytest_django import Settings

from laptop import static_files


@pytest.fixture
def source(settings: Settings, tmp_path: Path) -> Path:
    """A style sheet of one's own, collected."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "mine.css").write_text("a {}")
    settings.STATICFILES_DIRS = [folder]
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STATIC_ROOT.mkdir()
    static_files.note_collected()
    return folder


def test_what_did_not_change_is_collected_already(source: Path) -> None:
    assert static_files.are_collected()


def test_a_changed_a_new_and_a_missing_file_are_seen(source: Path) -> None:
    (source / "mine.css").write_text("a { color: red }")
    assert not static_files.are_collected()
    static_files.note_collected()
    (source / "other.css").write_text("b {}")
    assert not static_files.are_collected()
    static_files.note_collected()
    (source / "other.css").unlink()
    assert not static_files.are_collected()


def test_other_names_or_an_emptied_folder_are_seen(source: Path, settings: Settings) -> None:
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "another"}}
    assert not static_files.are_collected()
    static_files.note_collected()
    (settings.STATIC_ROOT / static_files.MARK).unlink()
    assert not static_files.are_collected()
