"""The only place that enqueues. Work is rows in Postgres; a message carries ids and only hints that there is some.

Redis may be down: then nothing is raised, the rows wait, and the next beat (or the next call) sends them.
"""

import logging
from collections.abc import Sequence

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from labeling.ranking_tasks.services.sampling import return_undispatched, take_undispatched
from labeling.rewards.services.scoring_requests import return_unsent_scoring, take_unsent_scoring
from labeling.training.services.runs import return_undispatched_runs, take_undispatched_runs
from labeling.writing.suggestions.services import return_unsent_requests, take_unsent_requests

log = logging.getLogger(__name__)

SAMPLE = "labeling.tasks.sample_completions"
SUGGEST = "labeling.tasks.sample_suggestions"
SCORE = "labeling.tasks.score_request"
TRAIN = "labeling.tasks.train_reward_model"
MOST_TASKS_AT_ONCE = 1000
PEOPLE_WAIT = "suggestions"
"""The queue that workers look into first: somebody sits before the screen (config/celery.py)."""


def dispatch_sampling() -> int:
    """Asks workers for every task that waits to be sampled; returns how many were sent."""
    waited_for = take_undispatched(limit=MOST_TASKS_AT_ONCE, reserved=True)
    others = take_undispatched(limit=MOST_TASKS_AT_ONCE, reserved=False)
    sent = _send_tasks(waited_for, size=1, queue=PEOPLE_WAIT)
    return sent + _send_tasks(others, size=settings.SAMPLING_PROMPTS_PER_BATCH)


def _send_tasks(task_ids: Sequence[int], *, size: int, queue: str | None = None) -> int:
    batches = [task_ids[start : start + size] for start in range(0, len(task_ids), size)]
    for number, batch in enumerate(batches):
        if not _send(SAMPLE, batch, queue=queue):
            unsent = [task_id for later in batches[number:] for task_id in later]
            return_undispatched(task_ids=unsent)
            return len(task_ids) - len(unsent)
    return len(task_ids)


def dispatch_suggestions() -> int:
    """Asks a worker for every suggestion that a labeler waits for; returns how many requests were sent."""
    waiting = take_unsent_requests()
    for number, request_id in enumerate(waiting):
        if not _send(SUGGEST, request_id):
            return_unsent_requests(request_ids=waiting[number:])
            return number
    return len(waiting)


def dispatch_scoring() -> int:
    """Asks a scoring worker for every request that waits; returns how many were sent."""
    waiting = take_unsent_scoring()
    for number, request_id in enumerate(waiting):
        if not _send(SCORE, request_id):
            return_unsent_scoring(request_ids=waiting[number:])
            return number
    return len(waiting)


def dispatch_training() -> int:
    """Asks a training worker for every queued run; returns how many were sent."""
    waiting = take_undispatched_runs()
    for number, run_id in enumerate(waiting):
        if not _send(TRAIN, run_id):
            return_undispatched_runs(run_ids=waiting[number:])
            return number
    return len(waiting)


def _send(name: str, argument: int | Sequence[int], *, queue: str | None = None) -> bool:
    """To `queue`, or to where the task's name is routed."""
    try:
        current_app.send_task(name, args=[argument], retry=False, queue=queue)
    except (OperationalError, OSError) as unreachable:
        log.warning("Redis can't be reached, %s waits for the next round: %s", name, unreachable)
        return False
    return True
