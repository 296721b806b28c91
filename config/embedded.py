"""A real PostgreSQL and a real Redis from pip wheels, for machines where nothing is installed.

Used only where DATABASE_URL or REDIS_URL is unset. `start` returns when both answer and keeps them alive for as long as
the calling process lives. They belong to a keeper process (config/keeper.py), which stops them when nobody is left.

Who uses them is not a list of process ids, which goes stale when a process is killed, but a shared flock on
`users.lock`: the kernel drops it however a process ends, and forked children (gunicorn's workers) inherit it.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import redis

DATABASE_NAME = "concord"
DATABASE_USER = "concord"
SOCKET_PATH_LIMIT = 107  # bytes: sockaddr_un.sun_path holds 108 with its closing NUL
POSTGRES_SOCKET = ".s.PGSQL.5432"
# initdb takes a second or two on a quiet machine; a crowded two-core one has been seen to need twenty.
START_SECONDS = 90.0

_held_locks: dict[Path, int] = {}


class EmbeddedServicesError(Exception):
    """The embedded PostgreSQL or Redis did not come up; the message carries the end of the log."""


@dataclass(frozen=True)
class Services:
    """The embedded servers under one directory.

    Those of a test run are not durable: they are faster, and a power cut may take their data.
    """

    directory: Path
    durable: bool = True

    @property
    def sockets(self) -> Path:
        """Where both unix sockets are: beside the data, or under the temporary folder if that path is too long."""
        beside = self.directory.resolve() / "run"
        if len(os.fsencode(beside / POSTGRES_SOCKET)) <= SOCKET_PATH_LIMIT:
            return beside
        name = hashlib.sha256(os.fsencode(beside)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"concord-{os.getuid()}-{name}"

    @property
    def database_url(self) -> str:
        return self.database_url_for(DATABASE_NAME)

    def database_url_for(self, name: str) -> str:
        return f"postgresql://{DATABASE_USER}@/{name}?host={self.sockets}"

    @property
    def redis_url(self) -> str:
        return self.redis_url_for(0)

    def redis_url_for(self, database: int) -> str:
        return f"unix://{self.sockets / 'redis.sock'}?db={database}"

    @property
    def users_lock(self) -> Path:
        return self.directory / "users.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.directory / "keeper.lock"

    @property
    def keeper_log(self) -> Path:
        return self.directory / "keeper.log"


def start(services: Services) -> None:
    """Make sure that both servers answer, and keep them until this process ends or calls `release`."""
    services.directory.mkdir(parents=True, exist_ok=True)
    if not is_started(services):
        # Waits while a keeper is stopping: it holds this lock exclusively until both servers are down.
        _held_locks[services.users_lock] = _lock(services.users_lock, fcntl.LOCK_SH)
    with _exclusively(services.directory / "start.lock"):
        keeper = None if _is_locked(services.keeper_lock) else _spawn_keeper(services)
        _wait_until_answering(services, keeper)


def is_started(services: Services) -> bool:
    """Whether this process is one of those that keep the servers up."""
    return services.users_lock in _held_locks


def is_kept(services: Services) -> bool:
    """Whether a keeper looks after the servers; one that somebody ended is replaced by calling `start` again."""
    return _is_locked(services.keeper_lock)


def release(services: Services, *, seconds: float = 30.0) -> bool:
    """Stop using the servers; True once they are stopped, False where other processes go on using them."""
    os.close(_held_locks.pop(services.users_lock))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _is_locked(services.keeper_lock):
        if _is_used(services):
            return False
        time.sleep(0.05)
    return not _is_locked(services.keeper_lock)


def _spawn_keeper(services: Services) -> subprocess.Popen[bytes]:
    durability = [] if services.durable else ["--throwaway"]
    with services.keeper_log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "config.keeper", str(services.directory.resolve()), *durability],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C meant for its first user must not stop the others' servers
        )


def _wait_until_answering(services: Services, keeper: subprocess.Popen[bytes] | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        problem = _why_not_answering(services)
        if problem is None:
            return
        if keeper is not None and keeper.poll() is not None:
            raise EmbeddedServicesError(f"The embedded PostgreSQL and Redis did not start.\n{_end_of_log(services)}")
        if keeper is None and not _is_locked(services.keeper_lock):
            # The keeper that was seen was on its way out: the kernel drops a dying process's locks one after the other.
            keeper = _spawn_keeper(services)
        if time.monotonic() > deadline:
            raise EmbeddedServicesError(
                f"The embedded servers did not answer within {START_SECONDS:.0f} s: {problem}\n{_end_of_log(services)}"
            )
        time.sleep(0.05)


def _why_not_answering(services: Services) -> str | None:
    try:
        psycopg2.connect(services.database_url, connect_timeout=5).close()
        client = redis.Redis.from_url(services.redis_url, socket_timeout=5)
        client.ping()
        client.close()
    except (psycopg2.OperationalError, redis.RedisError) as error:
        return str(error).strip()
    return None


def _end_of_log(services: Services) -> str:
    lines = services.keeper_log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([f"The end of {services.keeper_log}:", *lines])


def _is_used(services: Services) -> bool:
    """Whether other processes use the servers: a shared lock can be had, but not an exclusive one.

    Where not even a shared one can be had, the keeper holds it: it is stopping.
    """
    if not _can_lock(services.users_lock, fcntl.LOCK_SH):
        return False
    return not _can_lock(services.users_lock, fcntl.LOCK_EX)


def _is_locked(path: Path) -> bool:
    return not _can_lock(path, fcntl.LOCK_EX)


def _can_lock(path: Path, kind: int) -> bool:
    try:
        os.close(_lock(path, kind | fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _lock(path: Path, kind: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _exclusively(path: Path) -> Iterator[None]:
    descriptor = _lock(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)
