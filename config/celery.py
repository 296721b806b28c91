"""The Celery app: five queues, messages that carry ids only, and a short fuse towards Redis.

Work is rows in PostgreSQL; a message is only the hint that there is some. So a publisher gives up at once while Redis
is down, and beat finds the work again when it is back.
"""

import logging.config
import os
import time
import warnings
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning
from celery.signals import beat_init, import_modules, setup_logging, worker_init, worker_ready
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.db import DatabaseError, connection

log = logging.getLogger(__name__)

# Where each task runs, by the first word of its name; everything else is light work for the default queue.
ROUTES = {
    "labeling.tasks.sample_suggestions": {"queue": "suggestions"},
    "labeling.tasks.sample_*": {"queue": "sampling"},
    "labeling.tasks.score_*": {"queue": "scoring"},
    "labeling.tasks.train_*": {"queue": "training"},
    "labeling.tasks.compare_*": {"queue": "training"},
}
# Beat writes into each message when it expires, by its own host's clock; a worker whose clock runs ahead by more than
# the shortest schedule (5 s) would throw all of those away unread.
CLOCKS_MAY_DIFFER_SECONDS = 2.0
QUEUES = ("default", "suggestions", "scoring", "sampling", "training")
# A message that no worker acknowledged comes back after this long, so it must exceed the longest task: a training run.
REDELIVER_SECONDS = 60 * 60 * 24
CONNECT_SECONDS = 1.0


def every(seconds: int, task: str) -> dict[str, Any]:
    """A beat entry. Its message expires when the next one is due: workers that were down find one, not a heap."""
    return {"task": f"labeling.tasks.{task}", "schedule": seconds, "options": {"expires": seconds}}


class PeopleFirst:
    """The order in which a worker of several queues looks into them: that of QUEUES, whatever it took last.

    Somebody sits before the screen and waits for a suggestion, a program for rewards; ready tasks are sampled ahead.
    The methods are what kombu asks of a `queue_order_strategy`.
    """

    def __init__(self) -> None:
        self.names: list[str] = []

    def update(self, names: Iterable[str]) -> None:
        """Celery's own queues (for replies) come first; they are all but always empty."""
        self.names = sorted(names, key=lambda name: QUEUES.index(name) if name in QUEUES else -1)

    def consume(self, count: int) -> list[str]:
        return self.names[:count]

    def rotate(self, last_used: str) -> None:
        """Nothing goes to the end for having been served."""


# When Redis goes away a running task goes on: its work is in PostgreSQL, and doing it twice does no harm. Celery warns
# at each reconnection that version 6 will end it instead.
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)


class Concord(Celery):
    def gen_task_name(self, name: str, module: str) -> str:
        """Names a task of labeling/tasks/ without its file: messages that wait find it when it moves to another."""
        return super().gen_task_name(name, "labeling.tasks" if module.startswith("labeling.tasks.") else module)


app = Concord("concord")
app.set_default()  # for all threads: `current_app` is otherwise ours only in the thread that imported this
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue="default",
    task_routes=ROUTES,
    task_queues=[Queue(name, routing_key=name) for name in QUEUES],
    task_create_missing_queues=False,
    task_publish_retry=False,
    broker_connection_timeout=CONNECT_SECONDS,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a worker waits for Redis as long as it takes
    broker_transport_options={
        "visibility_timeout": REDELIVER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": 3.0,
        "socket_keepalive": True,
        "queue_order_strategy": PeopleFirst,
        # A publisher tries once more at once, then gives up (kombu would sleep two seconds in between).
        "max_retries": 1,
        "interval_start": 0,
    },
    worker_redirect_stdouts=False,
    timezone="UTC",
    beat_schedule_filename=str(settings.VAR_DIR / "celerybeat-schedule"),
    beat_schedule={
        "keep enough ranking tasks ready": every(15, "top_up_ready_queues"),
        "answer labelers who wait for the model": every(5, "answer_waiting_labelers"),
        "answer programs who wait for rewards": every(15, "answer_waiting_programs"),
        "make snapshots that were asked for": every(30, "make_waiting_snapshots"),
        "have registered models tried": every(60, "check_models"),
        "score completions ahead": every(60, "score_completions"),
        "go on with imports": every(15, "go_on_with_imports"),
        "harvest conversations": every(300, "harvest_kept_conversations"),
        "look at newcomers": every(60, "look_at_newcomers"),
        "open what its labeler did not rank": every(300, "release_reservations"),
        "check labelers by gold and repeats": every(60, "plan_checks"),
        "choose what reviewers look at": every(60, "plan_reviews"),
        "have doubtful labels reviewed": every(900, "review_doubtful_labels"),
        "take back what labelers left": every(60, "release_expired_leases"),
        "retrain when it is due": every(settings.RETRAIN_CHECK_SECONDS, "retrain_if_due"),
        "train a policy when it is due": every(settings.RETRAIN_CHECK_SECONDS, "start_policies_if_due"),
        "go on with evaluations": every(60, "go_on_with_evaluations"),
        "go on with loops": every(60, "go_on_with_loops"),
        "look for what is wrong": every(30, "watch_for_trouble"),
        "count what is too much for a page": every(60, "count_for_the_console"),
        "tell webhooks": every(15, "deliver_webhooks"),
        "have the current model served": every(10, "follow_promotions"),
        "look at labelers' habits": every(24 * 3600, "look_at_labelers"),
        "forget what is old": every(3600, "forget_what_is_old"),
        "take up the training of workers that died": every(10, "take_up_silent_runs"),
        "clear what failed trainings left": every(3600, "clear_leavings"),
    },
)
app.autodiscover_tasks(["labeling"])


@setup_logging.connect
def log_as_the_web_does(**_: Any) -> None:
    """Otherwise Celery sets a level of its own (WARNING, unless --loglevel is given), whatever LOG_LEVEL says."""
    logging.config.dictConfig(settings.LOGGING)


@import_modules.connect
def make_the_folder(**_: Any) -> None:
    """Beat opens its schedule before it sends beat_init; it imports tasks earlier than both, as workers do."""
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)


@worker_init.connect
@beat_init.connect
def start_embedded_services(**_: Any) -> None:
    """A worker or a clock started by hand on a laptop brings the servers that it needs."""
    if settings.EMBEDDED_SERVICES is not None:
        settings.EMBEDDED_SERVICES.start()


@worker_ready.connect
@beat_init.connect
def compare_clocks(**_: Any) -> None:
    """Says at start where this host's clock is not PostgreSQL's, which all hosts can see."""
    try:
        ahead = seconds_ahead_of_postgresql()
        connection.close()
    except DatabaseError as error:
        log.warning("The clock could not be compared with PostgreSQL's: %s", error)
        return
    if abs(ahead) > CLOCKS_MAY_DIFFER_SECONDS:
        log.error(
            "This host's clock is %.1f s %s PostgreSQL's. What beat sends expires by the clock of beat's host, so "
            "workers may throw it away unread. Let NTP set the clocks of all hosts, then start this again.",
            abs(ahead),
            "ahead of" if ahead > 0 else "behind",
        )


def seconds_ahead_of_postgresql() -> float:
    """Negative where this host's clock is behind. Raises DatabaseError."""
    with connection.cursor() as cursor:
        asked = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        row: tuple[Decimal] = cursor.fetchone()
        answered = time.time()
    return (asked + answered) / 2 - float(row[0])
