"""How gunicorn serves the web, on a laptop and in production: `gunicorn -c python:config.gunicorn config.wsgi`.

Options on the command line win, such as --bind or --workers.
"""

import gc
import logging
import os

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Python runs one thread of each process at a time, so cores are filled by processes; while one waits for PostgreSQL's
# commit another computes. Threads are for requests that last, such as a snapshot's download. Give --workers where a
# host does more than this.
workers = min(2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4, 16)
threads = 2
worker_class = "labeling.base.fast_paths.web_worker.EvenWorker"
keepalive = 30
sendfile = False  # Python's waits without end for a client that takes nothing of a file
loglevel = settings.LOG_LEVEL.lower()
preload_app = True  # the processes share what was loaded; new code needs a restart


def when_ready(_server: object) -> None:
    """Gunicorn's hook, in the process that all others are copies of."""
    if apps.ready:  # no other application than Django's
        _read_tokenizer()
    gc.collect()
    gc.freeze()  # saves 1 of 13 ms a submission: the collector need not look at what was loaded, which stays


def _read_tokenizer() -> None:
    """Reads the current model's, which takes a second for 262,144 tokens. Otherwise whoever previews a text first waits
    for it, in every process anew."""
    tokens_of = import_string("labeling.model_versions.queries.tokens_of")
    try:
        tokens_of("")
    except DatabaseError as unreachable:
        logging.getLogger(__name__).warning("The tokenizer is read later, by who needs it: %s", unreachable)
    finally:
        connections.close_all()  # a connection is no other process's
