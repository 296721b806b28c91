"""The Celery tasks: each takes ids and calls one service. Every task may be killed at any moment and run again.

The name of a task is `labeling.tasks.` and its function, whatever file it is in (config/celery.py).
"""

from labeling.tasks import (
    desk,
    imports_and_exports,
    model_versions,
    quality,
    sampling,
    scoring,
    training,
    upkeep,
    worker_signals,
)

__all__ = [
    "desk",
    "imports_and_exports",
    "model_versions",
    "quality",
    "sampling",
    "scoring",
    "training",
    "upkeep",
    "worker_signals",
]
