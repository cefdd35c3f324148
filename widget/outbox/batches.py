"""Group commit: one thread passes on all waiting jobs, to be committed as one transaction.

Many submissions then share one wait for the disk, and one call to the event loop that answers them. While a batch is
being committed, the next one fills.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
MOST = 128
"""The most jobs in one commit. With more, the first would wait too long for the last."""

Job = Callable[[Connection], Any]
Outcome = tuple[Any, Exception | None]
"""A job's result, or why it failed."""
_Asked = tuple[Job, "asyncio.Future[Any]"]


class Batches:
    """Calls `commit` with all waiting jobs. It returns the outcome of each, and raises nothing.

    Every `pause` seconds, between two batches, it calls `tend`.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Job]], Sequence[Outcome]],
        *,
        tend: Callable[[], None] = lambda: None,
        pause: float = 3600.0,
    ) -> None:
        self._commit = commit
        self._tend = tend
        self._pause = pause
        self._tend_at = 0.0
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="outbox-writer", daemon=True)

    def start(self) -> None:
        """Begin, for jobs of the event loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """Commit the waiting jobs, and end. Blocks."""
        if self._thread.is_alive():
            self._asked.put(None)
            self._thread.join()

    async def run(self, job: Callable[[Connection], T]) -> T:
        """The result of `job`, once it is committed. A job that is cancelled before its turn is not run."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._asked.put((job, answer))
        return await answer

    def _work(self) -> None:
        while (first := self._next()) is not None:
            asked = [each for each in (first, *self._waiting()) if not each[1].cancelled()]
            if asked:
                outcomes = self._commit([job for job, _ in asked])
                answers = [answer for _, answer in asked]
                with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits any more
                    self._loop.call_soon_threadsafe(_give, answers, outcomes)

    def _next(self) -> _Asked | None:
        """Wait for a job, or for None, which ends the thread."""
        while True:
            wait = self._tend_at - time.monotonic()
            if wait <= 0:
                self._tend()
                self._tend_at = time.monotonic() + self._pause
                continue
            with contextlib.suppress(queue.Empty):
                return self._asked.get(timeout=wait)

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


def _give(answers: Sequence["asyncio.Future[Any]"], outcomes: Sequence[Outcome]) -> None:
    for answer, (result, failure) in zip(answers, outcomes, strict=True):
        if answer.done():  # it was cancelled meanwhile
            continue
        if failure is None:
            answer.set_result(result)
        else:
            answer.set_exception(failure)
