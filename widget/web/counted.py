"""Counts requests with the time until their answer was whole, and gives each an id for the lines of the log."""

import secrets
import time
from collections.abc import Collection

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from widget.telemetry import tracing
from widget.telemetry.counters import Amount, Key, counters

log = structlog.get_logger("widget.web.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_UNTRACED = frozenset({"healthz", "readyz", "metrics"})
"""What monitors ask for again and again."""
_FAILURES = 500
"""The lowest status of a failure of ours."""


class Counted:
    """Stands around `app`. `names` are the first parts of our own addresses; all others are counted as one. With
    `logged`, each request leaves a line: without the rest of its address, which may be a secret, and without the
    client's, which is personal."""

    def __init__(self, app: ASGIApp, names: Collection[str], *, logged: bool) -> None:
        self._app = app
        self._names = names
        self._logged = logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.bind_contextvars(request_id=secrets.token_hex(8))
        name = scope["path"].split("/")[1]
        route = name if name in self._names else "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        if route in _UNTRACED:
            await self._answer(scope, receive, send, method, route)
            return
        attributes = {"http.request.method": method, "http.route": route}
        parent = tracing.header_of(scope["headers"])
        with tracing.span(f"{method} {route}", "server", attributes, parent) as span:
            status = await self._answer(scope, receive, send, method, route)
            span.note({"http.response.status_code": status})
            if status >= _FAILURES:
                span.failed()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, method: str, route: str) -> int:
        """Answer, count, and return the status."""
        began, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.monotonic() - began
            counters.add(Key("request", detail=f"{method} {route} {status}"), Amount(1, seconds))
            if self._logged:
                log.info("request.answered", method=method, route=route, status=status, seconds=round(seconds, 4))
        return status
