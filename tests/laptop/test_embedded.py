"""The embedded PostgreSQL and Redis, with users in processes of their own that come, share, leave and are killed."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from laptop.embedded import SOCKET_PATH_LIMIT, Services
from tests.processes import until

ROOT = Path(__file__).resolve().parents[2]
USER = """
import sys
from pathlib import Path
from laptop.embedded import Services
Services(Path(sys.argv[1])).start()
print("up", flush=True)
sys.stdin.read()
"""


@contextmanager
def user_of(services: Services) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(services.directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def servers_of(services: Services) -> list[psutil.Process]:
    """The owner, PostgreSQL's postmaster and Redis that work in this directory."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(str(services.directory) in word for word in words) and USER not in words:
            found.append(process)
    return found


def write_a_row(services: Services) -> None:
    with psycopg2.connect(services.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE note AS SELECT 'kept' AS text")


def read_the_row(services: Services) -> str:
    with psycopg2.connect(services.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT text FROM note")
        return str(cursor.fetchone()[0])  # type: ignore[index]


@pytest.fixture
def services(laptop_folder: Path) -> Iterator[Services]:
    services = Services(laptop_folder / "services")
    yield services
    until(lambda: servers_of(services) == [])  # whatever a test does, nothing of it stays behind


def test_users_share_the_servers_which_stop_with_the_last_of_them_and_keep_the_data(services: Services) -> None:
    with user_of(services) as alice, user_of(services):
        assert len(servers_of(services)) == 3
        write_a_row(services)
        alice.communicate("")
        time.sleep(1)
        assert read_the_row(services) == "kept"
    until(lambda: servers_of(services) == [])
    with user_of(services):
        assert read_the_row(services) == "kept"


def test_users_that_start_together_start_the_servers_once(services: Services) -> None:
    services.directory.mkdir()
    together = [
        subprocess.Popen([sys.executable, "-c", USER, str(services.directory)], cwd=ROOT, stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    until(lambda: len(servers_of(services)) == 3)
    for process in together:
        process.communicate(b"")
        assert process.returncode == 0


def test_a_killed_user_does_not_keep_the_servers_alive(services: Services) -> None:
    with user_of(services) as alice:
        alice.kill()
        until(lambda: servers_of(services) == [])


def test_a_killed_owner_takes_both_servers_with_it_and_the_next_user_starts_anew(services: Services) -> None:
    with user_of(services):
        write_a_row(services)
        owner = next(process for process in servers_of(services) if "laptop.service_owner" in process.cmdline())
        owner.kill()
        until(lambda: servers_of(services) == [])
    with user_of(services):
        assert read_the_row(services) == "kept"


@pytest.mark.parametrize("who_ends", ["user", "owner"])
def test_a_redis_that_cannot_write_its_dump_ends_all_the_same(services: Services, who_ends: str) -> None:
    """It refuses SIGTERM then, and one whose owner was killed stayed for good."""
    with user_of(services) as alice:
        (services.directory / "dump.rdb").mkdir()
        (services.directory / "dump.rdb" / "in the way").touch()
        client = redis.Redis.from_url(services.redis_url)
        client.set("a", "hint")
        with pytest.raises(redis.ResponseError):
            client.save()
        server = next(process for process in servers_of(services) if process.name().startswith("redis-server"))
        server.terminate()
        time.sleep(0.5)
        assert server.is_running()
        if who_ends == "user":
            alice.communicate("")
        else:
            next(process for process in servers_of(services) if "laptop.service_owner" in process.cmdline()).kill()
        until(lambda: servers_of(services) == [], seconds=10)


@pytest.mark.parametrize("victim", ["postgres", "redis-server"])
def test_a_server_that_dies_is_started_again(services: Services, victim: str) -> None:
    def answers() -> bool:
        try:
            redis.Redis.from_url(services.redis_url).ping()
            return read_the_row(services) == "kept"
        except (redis.RedisError, psycopg2.OperationalError):
            return False

    with user_of(services):
        write_a_row(services)
        next(process for process in servers_of(services) if process.name().startswith(victim)).kill()
        until(answers)


def test_a_stale_pid_file_whose_number_is_somebody_elses_does_not_stop_the_start(services: Services) -> None:
    with user_of(services):
        write_a_row(services)
    until(lambda: servers_of(services) == [])
    (services.directory / "postgres" / "postmaster.pid").write_text(f"{psutil.Process().pid}\n")
    with user_of(services):
        assert read_the_row(services) == "kept"


def test_a_folder_too_deep_for_a_unix_socket_works_all_the_same(laptop_folder: Path) -> None:
    deep = Services(laptop_folder / ("d" * 90) / "services")
    deep.directory.mkdir(parents=True)
    assert not deep.sockets.is_relative_to(laptop_folder)
    assert len(str(deep.sockets / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT
    with user_of(deep):
        write_a_row(deep)
        assert read_the_row(deep) == "kept"
    until(lambda: servers_of(deep) == [])
    assert not deep.sockets.exists()
