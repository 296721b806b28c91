"""By what a request is known to go on with an earlier conversation. Pure."""

import hashlib
import json
from collections.abc import Sequence

from lm.prompt_format import Message


def digest(messages: Sequence[Message]) -> str:
    """Hex sha256 of everything that was said, system messages included."""
    said = [[message["role"], message["content"]] for message in messages]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
