"""Sends a heartbeat to a service that raises the alarm when none arrives, such as Healthchecks.io.

`beat` returns at once, whatever the address does.
"""

import asyncio

import httpx
import structlog

from widget.insider.reasons import reason_of
from widget.insider.transport import Plain

log = structlog.get_logger("widget.delivery.heartbeat")

_PATIENCE = 5.0
"""Seconds that the address may take to answer."""


class Heartbeat:
    """Sends heartbeats to `url`, one at a time. Does nothing without an address."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._client: httpx.AsyncClient | None = None
        self._beating: asyncio.Task[None] | None = None
        self._has_failed = False

    def beat(self) -> None:
        """Send a heartbeat, unless the last one is still being sent."""
        if self._url and (self._beating is None or self._beating.done()):
            self._beating = asyncio.create_task(self._beat(self._url), name="heartbeat")

    async def close(self) -> None:
        """Abandon the heartbeat that is being sent."""
        if self._beating:
            self._beating.cancel()
            await asyncio.wait({self._beating})
        if self._client:
            await self._client.aclose()

    async def _beat(self, url: str) -> None:
        self._client = self._client or httpx.AsyncClient(
            transport=Plain(), timeout=_PATIENCE, trust_env=False, follow_redirects=False
        )
        try:
            async with asyncio.timeout(_PATIENCE), self._client.stream("GET", url) as answer:
                reason = None if answer.is_success else f"answered {answer.status_code}"
        except TimeoutError:
            reason = f"no answer within {_PATIENCE:g} s"
        except httpx.HTTPError as error:
            reason = reason_of(error)
        except httpx.InvalidURL:
            reason = "the address cannot be used"
        if reason and not self._has_failed:
            log.warning("heartbeat.failed", reason=reason)  # without the address, whose path is a secret
        self._has_failed = bool(reason)
