"""A task that keeps a pool process busy; a worker that a test starts includes it by name."""

import time

from celery import shared_task


@shared_task(name="tests.sleep")
def sleep(seconds: float) -> None:
    time.sleep(seconds)
