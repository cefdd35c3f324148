"""Lines that strangers can cause: the first of a kind is logged at once; the others are counted and told once a minute.

With a line for each request, anybody could fill the disk.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable

PERIOD = 60.0
"""The period of counting, in seconds."""
MOST_KINDS = 200
"""Kinds that are counted separately in a period."""

_Kind = tuple[tuple[str, Hashable], ...]


class Recurring:
    """The lines of one event. A kind is what all facts are. Strangers can make up any number of values for one of them,
    `made_up`, so beyond `MOST_KINDS` kinds it becomes `others`."""

    def __init__(self, event: str, made_up: str) -> None:
        self._event = event
        self._made_up = made_up
        self._counts: Counter[_Kind] = Counter()

    def note(self, write: Callable[..., object], **facts: Hashable) -> None:
        """It happened once more. `write` is the logger's method. Called in the event loop."""
        kind = tuple(facts.items())
        if kind not in self._counts and len(self._counts) >= MOST_KINDS:
            kind = tuple((facts | {self._made_up: "others"}).items())
        self._counts[kind] += 1
        if self._counts[kind] == 1:
            write(self._event, **dict(kind), count=1)
            asyncio.get_running_loop().call_later(PERIOD, self._sum_up, write, kind)

    def _sum_up(self, write: Callable[..., object], kind: _Kind) -> None:
        """Log how many more there were, and start again."""
        if more := self._counts.pop(kind) - 1:
            write(self._event, **dict(kind), count=more, seconds=PERIOD)
