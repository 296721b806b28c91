"""Text as it grows, on its way from a worker to a page that somebody looks at.

Each text is a Redis stream: a page that lost its connection goes on behind the last entry that it has. Nothing hangs on
it: what is kept is in PostgreSQL, and while Redis is down pages learn of it by looking.
"""

import logging
import re
import secrets
from typing import Any, TypedDict

import redis

from labeling.base.redis_client import redis_client

log = logging.getLogger(__name__)

KEPT_SECONDS = 600
MOST_ENTRIES = 20_000
ENTRY = re.compile(r"\d{1,20}-\d{1,20}")
BLOCK_SECONDS = 5.0
"""So long a reader waits for the next entry before it looks whether there is still something to wait for."""


class Entry(TypedDict):
    """`text`: something was added; `look`: what is kept has changed; `end`: nothing more comes."""

    id: str
    kind: str
    of: str
    """Which attempt the text belongs to; another one begins anew."""
    add: str


class LiveText:
    """The writing end, for one attempt. It never fails: nobody waits for it alone."""

    def __init__(self, name: str) -> None:
        self._key = _key(name)
        self._of = secrets.token_hex(4)
        self._broken = False

    def add(self, text: str) -> None:
        self._write("text", text)

    def look(self) -> None:
        self._write("look", "")

    def end(self) -> None:
        self._write("end", "")

    def _write(self, kind: str, text: str) -> None:
        if self._broken:
            return
        try:
            pipeline = _redis().pipeline(transaction=False)
            pipeline.xadd(self._key, {"kind": kind, "of": self._of, "add": text}, maxlen=MOST_ENTRIES, approximate=True)
            pipeline.expire(self._key, KEPT_SECONDS)
            pipeline.execute()
        except redis.RedisError as failure:
            self._broken = True
            log.warning("text is not shown as it grows: %s", failure)


def read_live_text(name: str, *, after: str, wait: bool) -> list[Entry]:
    """The entries behind `after` (an entry's id; anything else: from the first). `wait`: for BLOCK_SECONDS at most.

    Raises redis.RedisError.
    """
    start = after if ENTRY.fullmatch(after) else "0"
    block = int(BLOCK_SECONDS * 1000) if wait else None
    found: Any = _redis().xread({_key(name): start}, count=500, block=block)
    return [
        Entry(id=entry, kind=fields["kind"], of=fields["of"], add=fields["add"])
        for _stream, entries in found or ()
        for entry, fields in entries
    ]


def _key(name: str) -> str:
    return f"live:{name}"


def _redis() -> redis.Redis:
    return redis_client(connect_seconds=1.0, seconds=2 * BLOCK_SECONDS, decode_responses=True)
