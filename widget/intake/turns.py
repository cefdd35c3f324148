"""A request's body as it arrives, within its deadlines. Large ones take turns.

A small body needs no turn, so a text gets through while hundreds of pictures arrive. What waits stays in the system's
buffers.
"""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from widget.intake.multipart import Limits

_LARGE = 64 * 1024
"""Bytes above which a body is large and has to wait for its turn."""


class Turns:
    """Lets `at_once` large bodies be read at once, each for `size` bytes, which are then written in one step.

    A turn also ends after so many `seconds`, so that a slow client keeps nobody waiting.
    """

    def __init__(self, at_once: int = 2, size: int = 1024 * 1024, seconds: float = 0.02) -> None:
        self.free = asyncio.Semaphore(at_once)
        self.size = size
        self.seconds = seconds


class Body:
    """The body of one request, of which the client has `declared` the size (0 if it has not)."""

    def __init__(self, receive: Receive, declared: int, limits: Limits, turns: Turns) -> None:
        self._receive = receive
        self._large = declared > _LARGE
        self._limits = limits
        self._turns = turns
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + limits.total_timeout
        self._size = 0
        self._more = True
        self._has_turn = False
        self._turn_end = 0.0
        self._turn_size = 0
        self._pauses = False
        self.turn_goes_on = False
        """Whether the next `read` is in the same turn. If not, the caller may have to wait for others, and should keep
        little in memory."""

    async def read(self) -> bytes | None:
        """The next chunk, or None at the end. It is empty if the client pauses, which ends its turn.

        Raises ClientDisconnect, and TimeoutError when one read, or all of them together, take too long.
        """
        if not self._more:
            return None
        if self._clock() >= self._end:  # a read that never waits never times out
            raise TimeoutError
        if not self.turn_goes_on:
            self.close()
            if self._large and not self._pauses:
                await self._begin_turn()
        try:
            message = await self._next(self._turn_end if self._has_turn else self._clock() + self._limits.read_timeout)
        except TimeoutError:
            if not self._has_turn:
                raise
            self._pauses, self.turn_goes_on = True, False
            return b""
        return self._taken(message)

    def close(self) -> None:
        """End the turn."""
        if self._has_turn:
            self._has_turn = self.turn_goes_on = False
            self._turns.free.release()

    async def _begin_turn(self) -> None:
        await self._turns.free.acquire()
        self._has_turn = True
        self._turn_size, self._turn_end = 0, self._clock() + self._turns.seconds

    async def _next(self, until: float) -> Message:
        async with asyncio.timeout_at(min(self._end, until)):
            return await self._receive()

    def _taken(self, message: Message) -> bytes:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        self._size += len(chunk)
        self._large = self._large or self._size > _LARGE
        self._turn_size += len(chunk)
        self._pauses = False
        self.turn_goes_on = self._has_turn and self._turn_size < self._turns.size and self._clock() < self._turn_end
        return chunk
