"""Writes this process's counts and figures to the database every few seconds, and once more at the end.

Figures are written only if several processes share the database. A single process is asked directly.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import structlog

from widget.errors import OutboxUnavailable
from widget.outbox.outbox import Outbox
from widget.outbox.processes import Process, Processes, this
from widget.outbox.tally import Tally
from widget.telemetry.counters import counters
from widget.telemetry.gauges import gauges

log = structlog.get_logger("widget.ops.flushing")

EVERY = 5
"""Seconds. A process that is killed loses the counts of this period: those of refused requests, never of
submissions."""
_TOLD_EVERY = 15
"""Seconds between two reports of the figures."""
_LAST = 2.0
"""Seconds that shutdown waits for the database."""
_TICK = 1.0


class Flusher:
    """Writes what the process has counted and measured. `role` is web or worker."""

    def __init__(self, outbox: Outbox, role: str) -> None:
        self._outbox = outbox
        self._tally = Tally(outbox.backend)
        self._processes = Processes(outbox.backend)
        self._role = role
        self._latest: Mapping[str, float] = {}

    async def flush(self) -> None:
        """Add the counts. They are kept for the next attempt if the database is unavailable."""
        amounts = counters.take()
        try:
            self._outbox.check_open()
            await self._tally.add(amounts)
        except OutboxUnavailable:
            counters.give_back(amounts)
        except BaseException:
            counters.give_back(amounts)
            raise

    async def tell(self) -> None:
        """Write the figures, if other processes are there to read them."""
        self._latest = gauges.take()
        if not self._outbox.backend.alone:
            with contextlib.suppress(OutboxUnavailable):
                self._outbox.check_open()
                await self._processes.tell(this(self._role, self._latest))

    async def forever(self) -> None:
        """Write until cancelled, and measure how long the event loop keeps its tasks waiting."""
        loop, ticks = asyncio.get_running_loop(), 0
        while True:
            due = loop.time() + _TICK
            await asyncio.sleep(_TICK)
            gauges.at_least("loop_lag_seconds", max(0.0, loop.time() - due))
            ticks += 1
            try:
                if ticks % EVERY == 0:
                    await self.flush()
                if ticks % _TOLD_EVERY == 1:
                    await self.tell()
            except Exception:
                log.exception("counts.not_kept")

    async def processes(self) -> list[Process]:
        """The processes that share the database, including this one. Raises OutboxUnavailable."""
        if self._outbox.backend.alone:
            return [this(self._role, self._latest or gauges.take())]
        return list(await self._processes.read())


@contextlib.asynccontextmanager
async def flushing(flusher: Flusher) -> AsyncIterator[None]:
    """Write until the context is left, and once more at its end."""
    task = asyncio.create_task(flusher.forever(), name="flushing")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST):
                await flusher.flush()
