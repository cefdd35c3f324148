"""Outages of the database: bounds the wait for an answer, and logs when an outage begins, once a minute while it lasts,
and when it is over."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import structlog

from widget.errors import OutboxUnavailable

log = structlog.get_logger("widget.outbox.outage")

_REPEAT = 60.0
"""Seconds between two lines about one outage."""


@contextlib.asynccontextmanager
async def answers_within(seconds: float) -> AsyncIterator[None]:
    """Raises OutboxUnavailable if the database takes longer than that for what is asked in the context. What has to be
    written may take longer; whoever only looks should not."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise OutboxUnavailable(f"the database did not answer within {seconds:g} s") from error


class Outage:
    """What is known of the current outage. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._said_at = 0.0

    @property
    def lasts(self) -> bool:
        """Whether there is one."""
        return self._since is not None

    def note(self, reason: str) -> None:
        """The database could not be used, for a reason."""
        now = self._clock()
        if self._since is None:
            self._since = self._said_at = now
            log.error("outbox.unavailable", reason=reason)
        elif now >= self._said_at + _REPEAT:
            self._said_at = now
            log.error("outbox.unavailable", reason=reason, seconds=round(now - self._since))

    def over(self) -> None:
        """The database could be written to."""
        if self._since is not None:
            log.warning("outbox.available", seconds=round(self._clock() - self._since, 1))
            self._since = None
