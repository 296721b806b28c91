"""gunicorn's worker with threads, patched: which process takes a connection, what lasting answers cost others, and how
long a client may take nothing of its own.

What plain gunicorn does in its place: a request waits behind two long ones in one process while another process is
idle, and a handful of streams is all that a host can serve (tests/config/test_gunicorn.py fails with
`worker_class = "gthread"`).
"""

import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any

from django.db import connections
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from labeling.base.lasting import FEW, ROOM

MOST_LASTING = 100
"""Answers of one process that last. Each holds a thread that waits, and FEW of them a connection to the database."""
SLOWEST_SECONDS = 60.0
"""A client that takes nothing more of its answer, or sends nothing more of its request, is let go of after so long. It
is less than the models' server waits (sampler/server/answering.py), so that this process writes down what was used."""

Work = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Threads:
    """A pool. A thread whose work turns out to last is replaced by another; after its work it waits as one of FEW that
    take the places of the next such, with the connection to the database that it has, or ends."""

    def __init__(self, count: int) -> None:
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._count = count
        self._lasting = 0
        self._spare = 0
        self._lock = threading.Lock()
        self._here = threading.local()
        for _ in range(count):
            self._start()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self._work.put((future, work, arguments))
        return future

    def replace_this(self) -> int:
        """In a thread of the pool: how many of its threads last now, with this one. 0: too many last already."""
        with self._lock:
            if self._here.lasts:
                return self._lasting
            if self._lasting >= MOST_LASTING:
                return 0
            self._lasting += 1
            self._here.lasts = True
            if self._spare:
                self._spare -= 1
            else:
                self._start()
            return self._lasting

    def _goes_on(self) -> bool:
        """In a thread after its work: whether it takes more. If it lasted, others have its place."""
        if not self._here.lasts:
            return True
        with self._lock:
            self._lasting -= 1
            self._here.lasts = False
            if self._spare == FEW:
                return False
            self._spare += 1
            return True

    def shutdown(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002, ARG002  as Executor's
        """Whatever is at work goes on; the process ends without it."""
        for _ in range(self._count + FEW):
            self._work.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._run, name="request", daemon=True).start()

    def _run(self) -> None:
        self._here.lasts = False
        try:
            while (taken := self._work.get()) is not None:
                future, work, arguments = taken
                try:
                    future.set_result(work(*arguments))
                except BaseException as error:  # noqa: BLE001  as Executor does
                    future.set_exception(error)
                if not self._goes_on():
                    return
        finally:
            connections.close_all()  # this thread's


class EvenWorker(ThreadWorker):  # type: ignore[misc]
    """Takes a connection only when it has a thread for it, and hangs up after each answer while it has none to spare.

    gunicorn's own takes whatever comes, and keeps it: of sixteen labelers thirteen can sit behind one process while
    another idles. Here whoever waits does so before all processes, and the first that is free takes who came first.
    Answers that last, and say so (labeling/base/lasting.py), have threads of their own and are not counted.
    No client keeps a thread for longer than SLOWEST_SECONDS without taking or sending a byte.
    """

    in_hand = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lasting: set[int] = set()
        self.here = threading.local()

    def get_thread_pool(self) -> Threads:
        return Threads(self.cfg.threads)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application: Any = self.wsgi  # type: ignore[has-type]  # gunicorn's, untyped

        def with_room(environ: dict[str, Any], start_response: Any) -> Any:
            environ[ROOM] = partial(self.make_room, self.here.conn)
            return application(environ, start_response)

        self.wsgi = with_room

    def make_room(self, conn: Any) -> int:
        """In the request's thread."""
        lasting: int = self.tpool.replace_this()
        if lasting:
            self.method_queue.defer(self.let_last, id(conn))
        return lasting

    def let_last(self, name: int) -> None:
        if name not in self.lasting:
            self.lasting.add(name)
            self.in_hand -= 1
            self.set_accept_enabled(True)

    def enqueue_req(self, conn: Any) -> None:
        self.in_hand += 1
        self.set_accept_enabled(True)
        if not conn.initialized:
            _wait_at_most(conn.sock, SLOWEST_SECONDS)
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if id(conn) in self.lasting:
            self.lasting.discard(id(conn))
        else:
            self.in_hand -= 1
        super().finish_request(conn, fs)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  the library's, which asks after any event
        super().set_accept_enabled(enabled and self.in_hand < self.cfg.threads)

    def handle_request(self, req: Any, conn: Any) -> Any:
        self.here.conn = conn
        if self.in_hand >= self.cfg.threads:
            req.force_close()
        try:
            return super().handle_request(req, conn)  # which closes the answer first: what was used is written down
        except BlockingIOError:
            said = "let go of the reader of %s %s, who took nothing for %.0f seconds"
            self.log.warning(said, req.method, req.path, SLOWEST_SECONDS)
            # What is left is thrown away; gunicorn would wait in its only loop for the client to hang up.
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))
            conn.sock.shutdown(socket.SHUT_RDWR)
            return False


def _wait_at_most(connected: socket.socket, seconds: float) -> None:
    """Ends each wait of a blocking send or receive in BlockingIOError after `seconds`.

    Python's own timeout would bound the sending of a whole piece, however steadily it is taken, and gunicorn removes it
    before each request.
    """
    timeval = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
    for direction in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        connected.setsockopt(socket.SOL_SOCKET, direction, timeval)
