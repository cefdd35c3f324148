"""Counts of what has no row: kept in this process, and added to the database's every few seconds.

So any process can tell the counts of all, and a restart loses none. Keys are bounded by those who count: products,
codes and names of settings, and never what a stranger wrote.
"""

import threading
from collections.abc import Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """What is counted. `rating` is up, down or none; it is empty, as `locale` is, where it plays no part. `detail` is a
    reason, or the upper bound of the bucket of the time that it took."""

    event: str
    product: str = ""
    locale: str = ""
    rating: str = ""
    files: bool = False
    detail: str = ""


class Amount(NamedTuple):
    """How often, and the sum of the times that it took in seconds."""

    number: int
    seconds: float = 0.0

    def plus(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(self.number + other.number, self.seconds + other.seconds)


ONE = Amount(1)


class Counters:
    """Counts since they were last taken. Any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._amounts: dict[Key, Amount] = {}

    def add(self, key: Key, amount: Amount = ONE) -> None:
        """So many more."""
        with self._lock:
            known = self._amounts.get(key)
            self._amounts[key] = amount if known is None else known.plus(amount)

    def take(self) -> Mapping[Key, Amount]:
        """All counts; they begin anew."""
        with self._lock:
            taken, self._amounts = self._amounts, {}
            return taken

    def give_back(self, amounts: Mapping[Key, Amount]) -> None:
        """What was taken could not be kept."""
        for key, amount in amounts.items():
            self.add(key, amount)


counters = Counters()
"""This process's."""
