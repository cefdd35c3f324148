"""Counts requests, with the time until their answer was whole."""

import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from widget.telemetry.counters import Amount, Key, counters

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class Counted:
    """Stands around `app`. `names` are the first parts of our own addresses; all others are counted as one."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            name = scope["path"].split("/")[1]
            route = name if name in self._names else "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            counters.add(Key("request", detail=f"{method} {route} {status}"), Amount(1, time.monotonic() - began))
