"""Group commit: one thread passes on all waiting jobs, to be committed as one transaction.

Many submissions then share one wait for the disk. While a batch is being committed, the next one fills.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
MOST = 128
"""The most jobs in one commit. With more, the first would wait too long for the last."""

Job = Callable[[Connection], Any]
Outcome = tuple[Any, Exception | None]
"""A job's result, or why it failed."""
_Asked = tuple[Job, "Future[Any]"]


class Batches:
    """Calls `commit` with all waiting jobs. It returns the outcome of each, and raises nothing."""

    def __init__(self, commit: Callable[[Sequence[Job]], Sequence[Outcome]], name: str) -> None:
        self._commit = commit
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Commit the waiting jobs, and end. Blocks."""
        if self._thread.is_alive():
            self._asked.put(None)
            self._thread.join()

    async def run(self, job: Callable[[Connection], T]) -> T:
        """The result of `job`, once it is committed. A job that is cancelled before its turn is not run."""
        done: Future[T] = Future()
        self._asked.put((job, done))
        return await asyncio.wrap_future(done)

    def _work(self) -> None:
        while (first := self._asked.get()) is not None:
            asked = [each for each in (first, *self._waiting()) if each[1].set_running_or_notify_cancel()]
            if asked:
                outcomes = self._commit([job for job, _ in asked])
                for (_, done), (result, failure) in zip(asked, outcomes, strict=True):
                    if failure is None:
                        done.set_result(result)
                    else:
                        done.set_exception(failure)

    def _waiting(self) -> Iterator[_Asked]:
        for _ in range(MOST - 1):
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return
            if asked is None:
                self._asked.put(None)
                return
            yield asked
