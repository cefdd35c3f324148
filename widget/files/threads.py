"""Work in a thread that is waited for, whatever happens."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def run_uncancellable(work: Callable[[], T], threads: Executor | None = None) -> T:
    """Do the work in one of `threads` (the event loop's own by default), and wait for its end even when cancelled; the
    cancellation comes after. Whoever clears up then finds all that the work wrote.
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
