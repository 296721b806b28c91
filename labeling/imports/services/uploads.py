"""Uploaded files that wait for their import: under VAR_DIR, which the web server and the workers share, for a week."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile

from labeling.base.refusals import ImportRefused

KEPT_SECONDS = 7 * 24 * 60 * 60


def keep_upload(upload: UploadedFile[bytes]) -> str:
    """Keeps the upload and returns its name here; those that were kept for too long are removed."""
    _remove_old()
    path = _directory() / secrets.token_hex(16)
    if isinstance(upload, TemporaryUploadedFile):
        shutil.move(upload.temporary_file_path(), path)  # a large file must not lie on the disk twice
    else:
        with path.open("xb") as file:
            shutil.copyfileobj(upload, file)
    return path.name


@contextmanager
def opened(name: str, *, file_name: str) -> Iterator[BinaryIO]:
    """Raises ImportRefused where the file is gone."""
    try:
        file = (_directory() / name).open("rb")
    except OSError as gone:
        raise ImportRefused(f"The uploaded file {file_name} is no longer here. Upload it again.") from gone
    with file:
        yield file


def forget_upload(name: str) -> None:
    if name:
        (_directory() / name).unlink(missing_ok=True)


def _directory() -> Path:
    directory = Path(settings.VAR_DIR) / "uploads"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _remove_old() -> None:
    for path in _directory().iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink(missing_ok=True)
