"""Opens an outbox, and waits for a database that is unavailable.

Meanwhile the service answers, and says that it is not ready. A problem that waiting cannot fix (a wrong password, a
database of another release) stops the start if it is found at once. If it is found later, it is logged once, and
attempts continue.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import structlog

from widget.errors import ConfigurationError, OutboxUnavailable

log = structlog.get_logger("widget.outbox")

FIRST_LOOK = 1.0
"""Seconds that a start waits for the first try; one that takes longer goes on beside the service."""
_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
"""Seconds between two tries: the first, doubled with each, up to the last."""


@contextlib.asynccontextmanager
async def opened(attempt: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `attempt` until it succeeds, or until the context is left; entered after the first try.

    Raises ConfigurationError if the first try does.
    """
    tried = asyncio.Event()
    opening = asyncio.create_task(_until_done(attempt, tried), name="opening")
    first = asyncio.create_task(tried.wait())
    await asyncio.wait({opening, first}, timeout=FIRST_LOOK, return_when=asyncio.FIRST_COMPLETED)
    first.cancel()
    if not tried.is_set() and not opening.done():
        log.warning("outbox.unavailable", reason="no answer yet")
    tried.set()
    if opening.done():
        opening.result()
    try:
        yield
    finally:
        opening.cancel()
        await asyncio.wait({opening})


async def _until_done(attempt: Callable[[], Awaitable[None]], tried: asyncio.Event) -> None:
    """Try until there is no failure. `tried` tells whether a start still waits for what the first try raises."""
    said = ""
    for pause in pauses():
        try:
            return await attempt()
        except ConfigurationError as error:
            if not tried.is_set():
                raise
            if said != str(error):
                log.error("outbox.unusable", reason=str(error))
            said = str(error)
        except OutboxUnavailable as error:
            log.warning("outbox.unavailable", reason=str(error), next_try_in=pause)
        except Exception:
            log.exception("widget.failed")
            raise
        tried.set()
        await asyncio.sleep(pause)
    raise AssertionError


def pauses() -> Iterator[float]:
    """Seconds between two tries, growing."""
    pause = _PAUSE
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)
