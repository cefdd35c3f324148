"""Runs work in a thread, and waits for its end even if cancelled."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def run_uncancellable(work: Callable[[], T], threads: Executor | None = None) -> T:
    """Run the work in one of `threads` (by default the event loop's own). If cancelled, wait for its end first, so that
    the caller's clean-up finds all that the work wrote.
    """
    done = asyncio.get_running_loop().run_in_executor(threads, work)
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait((done,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from done.exception()
    return done.result()
