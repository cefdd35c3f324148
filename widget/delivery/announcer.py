"""Tells the other processes that rows are due."""

import asyncio
import contextlib

from widget.outbox.backend import Backend

_EVERY = 0.1
"""Seconds between two announcements: one wakes everybody, however many rows are due."""

_LAST = 1.0
"""Seconds that the last one may take."""


class Announcer:
    """Announces on an opened `backend`: at once, or, soon after another time, when a moment has passed."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._announcing: asyncio.Task[None] | None = None
        self._again = False

    def announce(self) -> None:
        """Rows are due. They were committed before this is called."""
        if self._backend.alone:
            return
        self._again = True
        if self._announcing is None or self._announcing.done():
            self._announcing = asyncio.create_task(self._announce(), name="announcer")

    async def close(self) -> None:
        """Announce what is left to announce, unless that takes long: a sweep finds it as well."""
        if self._announcing:
            self._announcing.cancel()
            await asyncio.wait({self._announcing})
        if self._again:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST):
                    await self._backend.announce()

    async def _announce(self) -> None:
        while self._again:
            self._again = False
            await self._backend.announce()
            await asyncio.sleep(_EVERY)
