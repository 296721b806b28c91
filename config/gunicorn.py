"""How gunicorn serves the web, on a laptop and in production: `gunicorn -c python:config.gunicorn config.wsgi`.

Options on the command line win, such as --bind or --workers.
"""

import gc
import os
import sys
from typing import Any

from django.conf import settings
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class EvenWorker(ThreadWorker):  # type: ignore[misc]
    """Takes a connection only when it has a thread for it, and hangs up after each answer while it has none to spare.

    gunicorn's own takes whatever comes, and keeps it: of sixteen labelers thirteen can sit behind one process while
    another idles. Here whoever waits does so before all processes, and the first that is free takes who came first.
    """

    in_hand = 0

    def enqueue_req(self, conn: Any) -> None:
        self.in_hand += 1
        self.set_accept_enabled(True)
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        self.in_hand -= 1
        super().finish_request(conn, fs)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  the library's, which asks after any event
        super().set_accept_enabled(enabled and self.in_hand < self.cfg.threads)

    def handle_request(self, req: Any, conn: Any) -> Any:
        if self.in_hand >= self.cfg.threads:
            req.force_close()
        return super().handle_request(req, conn)


# Python runs one thread of each process at a time, so cores are filled by processes; while one waits for PostgreSQL's
# commit another computes. Threads are for requests that last, such as a snapshot's download. Give --workers where a
# host does more than this.
workers = min(2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4, 16)
threads = 2
worker_class = EvenWorker
keepalive = 30
loglevel = settings.LOG_LEVEL.lower()
preload_app = True  # the processes share what was loaded; new code needs a restart


def post_fork(_server: Any, _worker: Any) -> None:
    """What was loaded before the fork lives as long as the process: the collector need not walk through it again and
    again, and leaves its pages shared. Threads hand over sooner than after the usual 5 ms, for which each of a
    request's ten answers from PostgreSQL would wait."""
    gc.freeze()
    sys.setswitchinterval(0.001)
