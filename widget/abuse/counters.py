"""Counters that start again at zero when their window of time ends."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from widget.errors import WidgetError


class StorageAway(WidgetError):
    """The storage of the counters cannot be used now. The text is the reason."""


class Counters(Protocol):
    """What counts. Raises StorageAway."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add `amount`, and return the sum in the current window, which lasts `expiry` seconds from its first count."""
        ...

    async def get_expiry(self, key: str) -> float:
        """The end of the current window (Unix seconds)."""
        ...


class BoundedStorage:
    """At most `capacity` counters in this process. Above that, the counters with the oldest windows are dropped.

    Keys are stored as their hashes, which Python seeds at random for each process, so that nobody can choose keys that
    collide.
    """

    def __init__(self, capacity: int, clock: Callable[[], float] = time.time) -> None:
        self._capacity = capacity
        self._clock = clock
        self._counts: OrderedDict[int, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add `amount`, and return the sum in the current window."""
        name, now = hash(key), self._clock()
        count, end = self._counts.get(name, (0, 0.0))
        if end <= now:
            self._counts.pop(name, None)
            if len(self._counts) >= self._capacity:
                self._counts.popitem(last=False)
            count, end = 0, now + expiry
        self._counts[name] = (count + amount, end)
        return count + amount

    async def get_expiry(self, key: str) -> float:
        """The end of the current window (Unix seconds)."""
        _, end = self._counts.get(hash(key), (0, self._clock()))
        return end
