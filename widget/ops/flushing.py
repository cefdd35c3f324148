"""Adds this process's counts to the database's, every few seconds and at the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from widget.errors import OutboxUnavailable
from widget.outbox.tally import Tally
from widget.telemetry.counters import Counters, counters

log = structlog.get_logger("widget.ops.flushing")

EVERY = 5.0
"""Seconds. A process that is killed loses the counts of so long: of refused requests, never of submissions."""
_LAST = 2.0
"""Seconds that the end waits for the database."""


@contextlib.asynccontextmanager
async def flushing(tally: Tally, counted: Counters = counters, every: float = EVERY) -> AsyncIterator[None]:
    """Add until the context is left, and once more then."""
    task = asyncio.create_task(_forever(tally, counted, every), name="flushing")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(flush(tally, counted), _LAST)


async def flush(tally: Tally, counted: Counters) -> None:
    """Add what was counted. While the database is away it stays here."""
    amounts = counted.take()
    try:
        await tally.add(amounts)
    except OutboxUnavailable:
        counted.give_back(amounts)
    except BaseException:
        counted.give_back(amounts)
        raise


async def _forever(tally: Tally, counted: Counters, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await flush(tally, counted)
        except Exception:
            log.exception("counts.not_kept")
