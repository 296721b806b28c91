"""The laptop's secret key: made once, kept with the rest of its state."""

import os
import secrets
from pathlib import Path


def secret_key_in(path: Path) -> str:
    """The key in `path`, made there on first use. Processes that start together agree on one key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)  # unlike a rename, refuses to replace the key that another process made meanwhile
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
