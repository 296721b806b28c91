"""gunicorn's worker with threads, patched: which process takes a connection, and how its threads take turns.

What plain gunicorn does in its place: a request waits behind two long ones in one process while another process is
idle (tests/config/test_gunicorn.py fails with `worker_class = "gthread"`).
"""

import gc
import sys
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]


class EvenWorker(ThreadWorker):  # type: ignore[misc]
    """Takes a connection only when it has a thread for it, and hangs up after each answer while it has none to spare.

    gunicorn's own takes whatever comes, and keeps it: of sixteen labelers thirteen can sit behind one process while
    another idles. Here whoever waits does so before all processes, and the first that is free takes who came first.
    """

    in_hand = 0

    def init_process(self) -> None:
        """What was loaded before the fork lives as long as the process: the collector need not walk through it again
        and again, and leaves its pages shared. Threads hand over sooner than after the usual 5 ms, for which each of a
        request's answers from PostgreSQL would wait."""
        gc.freeze()
        sys.setswitchinterval(0.001)
        super().init_process()

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
