"""How gunicorn serves the web, on a laptop and in production: `gunicorn -c python:config.gunicorn config.wsgi`.

Options on the command line win, such as --bind or --workers.
"""

import gc
import os
import sys
from typing import Any

# Python runs one thread of each process at a time, so cores are filled by processes; while one waits for PostgreSQL's
# commit another computes. Threads are for requests that last, such as a snapshot's download. Give --workers where a
# host does more than this.
workers = min(2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4, 16)
threads = 2
keepalive = 30
preload_app = True  # the processes share what was loaded; new code needs a restart


def post_fork(_server: Any, _worker: Any) -> None:
    """What was loaded before the fork lives as long as the process: the collector need not walk through it again and
    again, and leaves its pages shared. Threads hand over sooner than after the usual 5 ms, for which each of a
    request's ten answers from PostgreSQL would wait."""
    gc.freeze()
    sys.setswitchinterval(0.001)
