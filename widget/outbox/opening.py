"""Opens the outbox, and waits for a database that is unavailable.

Meanwhile the service answers that it is not ready. A problem that waiting cannot fix, such as a wrong password or a
database of another release, stops the start if the first attempt finds it. Later ones only log it, once, and attempts
continue.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import structlog

from widget.errors import ConfigurationError, OutboxUnavailable

log = structlog.get_logger("widget.outbox")

FIRST_LOOK = 1.0
"""Seconds that the start waits for the first attempt. A longer one continues in the background."""
_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
"""Seconds between attempts: the first pause, doubled each time up to the last."""


@contextlib.asynccontextmanager
async def opened(attempt: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `attempt` until it succeeds or the context is left. The context is entered after the first attempt.

    Raises ConfigurationError if the first attempt does.
    """
    tried = asyncio.Event()
    opening = asyncio.create_task(_until_done(attempt, tried), name="opening")
    first = asyncio.create_task(tried.wait())
    await asyncio.wait({opening, first}, timeout=FIRST_LOOK, return_when=asyncio.FIRST_COMPLETED)
    first.cancel()
    if not tried.is_set() and not opening.done():
        log.warning("outbox.opening", seconds=FIRST_LOOK)  # slow is not away: no alarm yet
    tried.set()
    if opening.done():
        opening.result()
    try:
        yield
    finally:
        opening.cancel()
        await asyncio.wait({opening})


async def _until_done(attempt: Callable[[], Awaitable[None]], tried: asyncio.Event) -> None:
    """Repeat until an attempt succeeds. `tried` says whether the start still waits for the first one, and gets its
    error."""
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
    """Growing numbers of seconds between attempts."""
    pause = _PAUSE
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)
