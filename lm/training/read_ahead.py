"""The next item is made in a thread while the current one is used.

Why not `torch.utils.data.DataLoader`: its workers are processes. Over 30 batches of 64 rankings that took 50 ms each to
use (2026-11) one worker let the reader wait for 10.8 s in all, since each batch's tensors travel between processes, and
0.6 s for the first; this thread 59 ms and 23 ms. It also wraps a refusal's words in the worker's traceback.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

T = TypeVar("T")
END = object()


class ReadAhead(Generic[T]):
    """Iterates over `items`, one ahead; `waited` counts the seconds that the reader stood still for one.

    What making an item raises is raised where the item is asked for. Leaving the block waits for the one under way.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self.waited = 0.0
        self._items = items
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[T]:
        upcoming = self._make_next()
        while (item := self._wait_for(upcoming)) is not END:
            upcoming = self._make_next()
            yield cast("T", item)

    def _make_next(self) -> Future[object]:
        return self._thread.submit(next, self._items, END)

    def _wait_for(self, upcoming: Future[object]) -> object:
        began = monotonic()
        try:
            return upcoming.result()
        finally:
            self.waited += monotonic() - began
