"""Tells a burst of new rows from normal load."""

import math
import time
from collections import deque
from collections.abc import Callable

CROWD = 8
WITHIN = 0.1
"""So many rows accepted within so many seconds are a crowd."""
LONGEST = 10.0
"""Seconds. A crowd that lasts longer is normal load, and has to be delivered as fast as it arrives."""
CALM = 1.0
"""Seconds without a crowd after which the next one is another burst."""


class Bursts:
    """The bursts among the arrivals that it is told. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._arrivals: deque[float] = deque(maxlen=CROWD)
        self._began_at = self._seen_at = -math.inf

    def note_arrival(self) -> None:
        """A row arrives now."""
        now = self._clock()
        self._arrivals.append(now)
        if self._is_crowded(now):
            if now - self._seen_at > CALM:
                self._began_at = now
            self._seen_at = now

    @property
    def lasts(self) -> bool:
        """Whether a burst is coming in now."""
        now = self._clock()
        return self._is_crowded(now) and now - self._began_at < LONGEST

    def _is_crowded(self, now: float) -> bool:
        return len(self._arrivals) == CROWD and now - self._arrivals[0] < WITHIN
