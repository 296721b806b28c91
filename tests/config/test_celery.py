"""What the queues promise: nothing goes to a queue without a worker, nothing piles up, and Redis down costs no time."""

import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

import psutil
import pytest
from celery.signals import beat_init

from config.celery import QUEUES, ROUTES, app
from tests.processes import until

ROOT = Path(__file__).resolve().parents[2]


def tasks() -> list[str]:
    app.loader.import_default_modules()
    return [name for name in app.tasks if name.startswith("labeling.")]


def test_every_beat_entry_names_a_task_and_expires_before_its_successor() -> None:
    for title, entry in app.conf.beat_schedule.items():
        assert entry["task"] in tasks(), title
        assert entry["options"]["expires"] <= entry["schedule"], title


def test_a_task_is_named_without_its_file_so_that_messages_that_wait_find_it_when_it_moves() -> None:
    assert {name.rpartition(".")[0] for name in tasks()} == {"labeling.tasks"}


def test_every_route_catches_a_task_and_leads_to_a_queue_that_there_is() -> None:
    for pattern, route in ROUTES.items():
        assert any(fnmatch(name, pattern) for name in tasks()), pattern
        assert route["queue"] in QUEUES


def test_what_people_wait_for_is_taken_before_what_is_sampled_ahead() -> None:
    assert app.amqp.router.route({}, "labeling.tasks.sample_suggestions")["queue"].name == "suggestions"
    order = app.conf.broker_transport_options["queue_order_strategy"]()
    order.update({"sampling", "scoring", "a.reply.queue", "suggestions"})
    order.rotate("suggestions")
    assert order.consume(4) == ["a.reply.queue", "suggestions", "scoring", "sampling"]


@pytest.mark.django_db
@pytest.mark.parametrize(("off", "says"), [(7.0, "7.0 s ahead of"), (-7.0, "7.0 s behind"), (0.0, "")])
def test_a_clock_that_is_not_postgresqls_is_said_at_start(
    off: float, says: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("config.celery.connection.close", lambda: None)  # the test's own
    now = time.time
    monkeypatch.setattr("config.celery.time.time", lambda: now() + off)
    beat_init.send(sender=None)
    said = " ".join(record.getMessage() for record in caplog.records)
    assert (says in said) if says else ("clock" not in said)


def test_sampling_and_training_do_not_wait_for_each_other() -> None:
    assert app.amqp.router.route({}, "labeling.tasks.sample_completions")["queue"].name == "sampling"
    assert app.amqp.router.route({}, "labeling.tasks.train_reward_model")["queue"].name == "training"


def test_rewards_have_a_queue_of_their_own() -> None:
    for name in ("score_request", "score_completions"):
        assert app.amqp.router.route({}, f"labeling.tasks.{name}")["queue"].name == "scoring"


def test_a_task_that_a_killed_worker_held_comes_back_and_only_json_is_read() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]


PUBLISH_IN_ANOTHER_THREAD = """
import os, threading, time
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from celery import current_app
from kombu.exceptions import OperationalError

def publish():
    began = time.monotonic()
    try:
        current_app.send_task("labeling.tasks.sample_completions", args=[[1]], retry=False)
    except OperationalError as error:
        print(f"{time.monotonic() - began:.2f} {error}")

thread = threading.Thread(target=publish)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://127.0.0.1:1/0", "Connection refused"),
        ("unix:///nowhere/redis.sock?db=0", "No such file or directory"),
    ],
)
def test_publishing_while_redis_is_down_fails_at_once_in_every_thread(
    url: str, said: str, process_environment: dict[str, str]
) -> None:
    began = time.monotonic()
    finished = subprocess.run(
        [sys.executable, "-c", PUBLISH_IN_ANOTHER_THREAD],
        cwd=ROOT,
        env=process_environment | {"REDIS_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, _, error = finished.stdout.partition(" ")
    assert said in error
    assert float(seconds) < 5  # of a busy machine
    assert time.monotonic() - began < 30


def test_a_worker_that_is_killed_takes_a_busy_pool_along(process_environment: dict[str, str], tmp_path: Path) -> None:
    worker_options = ["-Q", "default", "--concurrency", "1", "-I", "tests.config.slow_task"]
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config.celery", "worker", *worker_options],
            cwd=ROOT,
            env=process_environment,
            stdout=output,
            stderr=output,
        )
    try:
        app.send_task("tests.sleep", args=[60], queue="default")
        until(lambda: "tests.sleep" in log.read_text() and "received" in log.read_text())
        pool = psutil.Process(worker.pid).children()
    finally:
        worker.kill()
        worker.wait()
    assert len(pool) == 1
    until(lambda: not pool[0].is_running(), seconds=10)


def test_the_clock_starts_where_nothing_was_yet(process_environment: dict[str, str], tmp_path: Path) -> None:
    var, log = tmp_path / "new" / "var", tmp_path / "beat.log"
    with log.open("wb") as output:
        beat = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config.celery", "beat", "--pidfile="],
            cwd=ROOT,
            env=process_environment | {"VAR_DIR": str(var), "RETRAIN_CHECK_SECONDS": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: "Sending due task" in log.read_text())
    finally:
        beat.kill()
        beat.wait()
    assert list(var.glob("celerybeat-schedule*"))
