"""Posts alerts and events to the addresses that the operator has configured.

It follows no redirects, so only the operator decides where requests go. Of an answer it reads only the status.
"""

import asyncio
from collections.abc import Mapping

import httpx

from widget import __version__
from widget.insider.reasons import reason_of
from widget.insider.transport import Plain

PATIENCE = 10.0
"""Seconds that the receiver may take; less than a claim on a notice lasts."""


class NotTaken(Exception):
    """The receiver did not accept the notice. The reason contains no address, because that may be a secret."""


class Poster:
    """Keeps its connections for the next request. Addresses that hang do not use up the connections of others."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Post JSON. Raises NotTaken."""
        self._client = self._client or httpx.AsyncClient(
            transport=Plain(limits=httpx.Limits(max_keepalive_connections=20)),
            timeout=PATIENCE,
            trust_env=False,
            follow_redirects=False,
            headers={"Content-Type": "application/json", "User-Agent": f"insider-feedback-widget/{__version__}"},
        )
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._client.stream("POST", url, content=content, headers=dict(headers)) as answer,
            ):
                if not answer.is_success:
                    raise NotTaken(f"answered {answer.status_code}")
        except TimeoutError:
            raise NotTaken(f"no answer within {PATIENCE:g} s") from None
        except httpx.HTTPError as error:
            raise NotTaken(reason_of(error)) from None
        except httpx.InvalidURL:
            raise NotTaken("its address cannot be used") from None

    async def close(self) -> None:
        """End all connections."""
        if self._client:
            await self._client.aclose()
