"""What a worker does when it starts, while it is up and when it is stopped."""

import logging
from typing import Any

from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.db import DatabaseError

from labeling.alerts.services.signs import AliveThread
from labeling.base.attempts import forget_attempts_of
from labeling.training.services import stopping

log = logging.getLogger(__name__)


@worker_shutting_down.connect
def forget_what_is_cut_off(sender: str, how: str, **_: object) -> None:
    """A cold stop ends tasks in the middle; that they were cut off must not count against them. And of Celery's
    worker_shutdown nobody hears after it."""
    if how == "Cold":
        say_no_more()
        try:
            forget_attempts_of(sender)
        except DatabaseError as error:
            log.warning("%s could not note that it is stopped by hand: %s", sender, error)


@worker_init.connect
def prepare_to_be_stopped(**_: object) -> None:
    stopping.prepare()


@worker_shutting_down.connect
def stop_training(**_: object) -> None:
    """A training saves where it is, and its run waits for the next worker; all other tasks are short."""
    stopping.ask()


_alive: list[AliveThread] = []  # of this process, which is one worker


@worker_ready.connect
def say_alive(sender: Any, **_: object) -> None:
    queues = ",".join(sorted(sender.app.amqp.queues.consume_from))
    _alive.append(AliveThread(name=sender.hostname, queues=queues))
    _alive[-1].start()


@worker_shutdown.connect
def say_no_more(**_: object) -> None:
    while _alive:
        _alive.pop().stop()
