"""The only place that enqueues. Work is rows in Postgres; a message carries ids and only hints that there is some.

Redis may be down: then nothing is raised, the rows wait, and the next beat (or the next call) sends them.
"""

import logging
from collections.abc import Sequence

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from labeling.services.sampling import return_undispatched, take_undispatched
from labeling.services.training import return_undispatched_runs, take_undispatched_runs

log = logging.getLogger(__name__)

SAMPLE = "labeling.tasks.sample_completions"
TRAIN = "labeling.tasks.train_reward_model"
MOST_TASKS_AT_ONCE = 1000


def dispatch_sampling() -> int:
    """Asks workers for every task that waits to be sampled; returns how many were sent."""
    waiting = take_undispatched(limit=MOST_TASKS_AT_ONCE)
    size = settings.SAMPLING_PROMPTS_PER_BATCH
    batches = [waiting[start : start + size] for start in range(0, len(waiting), size)]
    for number, batch in enumerate(batches):
        if not _send(SAMPLE, batch):
            unsent = [task_id for later in batches[number:] for task_id in later]
            return_undispatched(task_ids=unsent)
            return len(waiting) - len(unsent)
    return len(waiting)


def dispatch_training() -> int:
    """Asks a training worker for every queued run; returns how many were sent."""
    waiting = take_undispatched_runs()
    for number, run_id in enumerate(waiting):
        if not _send(TRAIN, run_id):
            return_undispatched_runs(run_ids=waiting[number:])
            return number
    return len(waiting)


def _send(name: str, argument: int | Sequence[int]) -> bool:
    try:
        current_app.send_task(name, args=[argument], retry=False)
    except (OperationalError, OSError) as unreachable:
        log.warning("Redis can't be reached, %s waits for the next round: %s", name, unreachable)
        return False
    return True
