"""Uploaded files that wait between the preview and the confirmation of an import.

They lie under VAR_DIR for a day. The form carries a signed ticket, so that a person can name only what was uploaded
for this very campaign; where the file is gone (another day, another host) it is uploaded again.
"""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile

from labeling.base.refusals import ImportRefused

SALT = "concord.prompt-import"
KEPT_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class KeptUpload:
    """`name` is what the person called the file."""

    ticket: str
    name: str
    path: Path

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        try:
            file = self.path.open("rb")
        except OSError as gone:
            raise ImportRefused(f"The uploaded file {self.name} is no longer here. Upload it again.") from gone
        with file:
            yield file


def keep_upload(upload: UploadedFile[bytes], *, campaign_id: int) -> KeptUpload:
    """Keeps the upload for a day, and removes those that were kept longer."""
    _remove_old()
    path = _directory() / secrets.token_hex(16)
    name = upload.name or "upload"
    with path.open("xb") as file:
        shutil.copyfileobj(upload, file)
    return KeptUpload(signing.dumps([path.name, name, campaign_id], salt=SALT), name, path)


def kept_upload(ticket: str, *, campaign_id: int) -> KeptUpload:
    """Raises ImportRefused for a ticket of another campaign, another day, or nobody's."""
    try:
        file, name, wanted = signing.loads(ticket, salt=SALT, max_age=KEPT_SECONDS)
    except (signing.BadSignature, ValueError) as wrong:
        raise ImportRefused("This preview is too old. Upload the file again.") from wrong
    if wanted != campaign_id:
        raise ImportRefused("This preview belongs to another campaign. Upload the file again.")
    return KeptUpload(ticket, name, _directory() / file)


def _directory() -> Path:
    directory = Path(settings.VAR_DIR) / "uploads"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _remove_old() -> None:
    for path in _directory().iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink(missing_ok=True)
