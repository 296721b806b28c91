"""A real PostgreSQL and a real Redis from pip wheels, for machines where nothing is installed.

Used only where DATABASE_URL or REDIS_URL is unset. `Services.start` returns when both answer and keeps them alive for
as long as the calling process lives. They belong to a process of their own (laptop/service_owner.py), which stops them
when nobody is left.

Who uses them is not a list of process ids, which goes stale when a process is killed, but a shared flock on
`users.lock`: the kernel drops it however a process ends, and forked children (a worker's pool) inherit it. `filelock`,
which holds the other locks, has no shared ones.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import redis
from filelock import FileLock

DATABASE_NAME = "concord"
DATABASE_USER = "concord"
SOCKET_PATH_LIMIT = 107  # bytes: sockaddr_un.sun_path holds 108 with its closing NUL
POSTGRES_SOCKET = ".s.PGSQL.5432"
# initdb takes a second or two on a quiet machine; a crowded two-core one has been seen to need twenty.
START_SECONDS = 90.0
# Longer than the owner's patience with both servers.
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.05

# The locks by which this process uses services: path → open file descriptor.
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
        """The folder of both unix sockets: beside the data, or under the temporary folder if that path is too long."""
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
    def owner_lock(self) -> Path:
        return self.directory / "owner.lock"

    @property
    def owner_log(self) -> Path:
        return self.directory / "owner.log"

    def start(self, while_waiting: Callable[[], None] = lambda: None) -> None:
        """Makes sure that both servers answer, and keeps them until this process ends or calls `release`.

        Calls `while_waiting` again and again, which may raise to give up. Raises EmbeddedServicesError.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.is_started():
            # Waits while an owner is stopping: it holds this lock exclusively until both servers are down.
            _held_locks[self.users_lock] = _lock(self.users_lock, fcntl.LOCK_SH)
        with FileLock(self.directory / "start.lock"):
            _wait_until_answering(self, None if self.is_owned() else _spawn_owner(self), while_waiting)

    def is_started(self) -> bool:
        """Whether this process is one of those that keep the servers up."""
        return self.users_lock in _held_locks

    def is_owned(self) -> bool:
        """Whether an owner looks after the servers; one that somebody ended is replaced by calling `start` again."""
        return not _can_lock(self.owner_lock, fcntl.LOCK_EX)

    def release(self) -> bool:
        """Stops using the servers; True once they are stopped, False where other processes go on using them."""
        os.close(_held_locks.pop(self.users_lock))
        return self.wait_until_stopped()

    def wait_until_stopped(self) -> bool:
        """True once the servers are stopped, False where processes use them or they don't stop in half a minute."""
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and self.is_owned():
            if self._is_used():
                return False
            time.sleep(LOOK_SECONDS)
        return not self.is_owned()

    def _is_used(self) -> bool:
        """Whether other processes use the servers: a shared lock can be had, but not an exclusive one.

        Where not even a shared one can be had, the owner holds it: it is stopping.
        """
        return _can_lock(self.users_lock, fcntl.LOCK_SH) and not _can_lock(self.users_lock, fcntl.LOCK_EX)


def _spawn_owner(services: Services) -> subprocess.Popen[bytes]:
    durability = [] if services.durable else ["--throwaway"]
    with services.owner_log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "laptop.service_owner", str(services.directory.resolve()), *durability],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C meant for its first user must not stop the others' servers
        )


def _wait_until_answering(
    services: Services, owner: subprocess.Popen[bytes] | None, while_waiting: Callable[[], None]
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        problem = _why_not_answering(services)
        if problem is None:
            return
        if owner is not None and owner.poll() is not None:
            raise EmbeddedServicesError(f"The embedded PostgreSQL and Redis did not start.\n{_end_of_log(services)}")
        if owner is None and not services.is_owned():
            # The owner that was seen was on its way out: the kernel drops a dying process's locks one after the other.
            owner = _spawn_owner(services)
        if time.monotonic() > deadline:
            raise EmbeddedServicesError(
                f"The embedded servers did not answer within {START_SECONDS:.0f} s: {problem}\n{_end_of_log(services)}"
            )
        while_waiting()
        time.sleep(LOOK_SECONDS)


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
    lines = services.owner_log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([f"The end of {services.owner_log}:", *lines])


def _can_lock(path: Path, kind: int) -> bool:
    try:
        os.close(_lock(path, kind | fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _lock(path: Path, kind: int) -> int:
    """Returns the open file that holds the lock. Raises BlockingIOError where LOCK_NB is asked for and it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
