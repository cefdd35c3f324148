"""Places at work, shared fairly: among the clients that wait, the one that was served least is next.

This is start-time fair queuing (Goyal, Vin and Cheng, SIGCOMM 1996), by the time for which a place was held. A client
that sends a hundred costly files is served as long as nobody else waits. A newcomer waits only for the files that are
being checked at that moment.

These may take long, and there are few places. So clients whose files took long of late leave one place to the others.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection

from widget.errors import FilesBusy

_LEAST = 0.001
"""Seconds charged for each turn in advance, so that clients alternate before their work has been measured."""
_LONG = 2.0
"""Seconds in a place that are long. The largest photo takes a fraction of one."""
_REMEMBERED = 60.0
"""Seconds for which a client is one that took long."""


class FairQueue:
    """Serves `places` clients at once, and turns away those that have waited for `patience` seconds."""

    def __init__(self, places: int, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = places
        self._kept = min(1, places - 1)
        """Places that clients who took long leave to the others."""
        self._patience = patience
        self._clock = clock
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._served: dict[str, float] = {}
        self._long_until: dict[str, float] = {}
        """Until when each client that took long is one, the latest last."""
        self._now = 0.0
        """The virtual time: what had been served to the client that got the latest place. Newcomers start with it."""

    @contextlib.asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[None]:
        """A place for the time of the context. Raises FilesBusy."""
        await self._wait(client)
        begun = self._clock()
        try:
            yield
        finally:
            self._end(client, self._clock() - begun)
            self._release()

    async def _wait(self, client: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        self._hand_out()
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            self._leave(client, turn)
            if isinstance(error, TimeoutError):
                raise FilesBusy("a file waited too long to be checked") from error
            raise

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        """Stop waiting. A place that was given at the same moment goes to the next client."""
        if turn.done() and not turn.cancelled():
            self._release()
            return
        turns = self._waiting.get(client, deque())
        with contextlib.suppress(ValueError):  # a place that became free at the same moment has passed it by
            turns.remove(turn)
        if not turns:
            self._waiting.pop(client, None)

    def _end(self, client: str, seconds: float) -> None:
        self._charge(client, seconds)
        if seconds >= _LONG:
            self._long_until.pop(client, None)
            self._long_until[client] = self._clock() + _REMEMBERED

    def _release(self) -> None:
        self._free += 1
        self._hand_out()

    def _hand_out(self) -> None:
        while clients := self._eligible():
            client = min(clients, key=self._start)
            turns = self._waiting[client]
            turn = turns.popleft()
            if not turns:
                del self._waiting[client]
            if turn.done():
                continue  # its client has given up, and will hear so in a moment
            self._now = self._start(client)
            self._charge(client, _LEAST)
            self._free -= 1
            turn.set_result(None)
        if not self._waiting:
            self._served.clear()  # nobody is ahead of anybody any more

    def _eligible(self) -> Collection[str]:
        """The waiting clients who may have the next free place."""
        if not self._free:
            return ()
        now = self._clock()
        while self._long_until and next(iter(self._long_until.values())) <= now:
            del self._long_until[next(iter(self._long_until))]
        if self._free > self._kept:
            return self._waiting
        return [client for client in self._waiting if client not in self._long_until]

    def _start(self, client: str) -> float:
        return max(self._now, self._served.get(client, 0.0))

    def _charge(self, client: str, seconds: float) -> None:
        self._served[client] = self._start(client) + seconds
