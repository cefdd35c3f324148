"""Requests begin one by one, and clients take turns: one with many connections keeps others waiting for one of its
requests, not for all of them."""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from widget.abuse.rate_limits import sender_key


class Rotation:
    """Lets one request go on in each round of the event loop. Whoever asks alone never waits."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By client, in the order of their turns."""
        self._is_taken = False

    async def turn(self, client: tuple[str, int] | None) -> None:
        """Wait for the turn of a client, whose address this is."""
        loop = asyncio.get_running_loop()
        if self._is_taken:
            turn = loop.create_future()
            self._waiting.setdefault(sender_key(client[0] if client else ""), deque()).append(turn)
            await turn
        else:
            self._is_taken = True
            loop.call_soon(self._pass_on)

    def _pass_on(self) -> None:
        """The next round has begun."""
        while self._waiting:
            client = next(iter(self._waiting))
            turns = self._waiting.pop(client)
            turn = turns.popleft()
            if turns:
                self._waiting[client] = turns  # behind all others
            if not turn.done():  # it may have been cut off
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._pass_on)
                return
        self._is_taken = False


class InTurn:
    """A layer around `app` that begins with each request in its client's turn."""

    def __init__(self, app: ASGIApp, rotation: Rotation) -> None:
        self._app = app
        self._rotation = rotation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            await self._rotation.turn(scope.get("client"))
        await self._app(scope, receive, send)
