"""Figures of this process as it is now."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def _memory() -> float:
    """Bytes of memory that this process occupies; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE
    except OSError:
        return 0


class Gauges:
    """Figures by name: some are asked for when they are wanted, of others the highest since the last time is kept."""

    def __init__(self) -> None:
        self.ask: dict[str, Callable[[], float]] = {"memory_bytes": _memory}
        self._highest: dict[str, float] = {}

    def at_least(self, name: str, value: float) -> None:
        """It was as high as this."""
        self._highest[name] = max(value, self._highest.get(name, value))

    def take(self) -> Mapping[str, float]:
        """All figures; the highest begin anew."""
        highest, self._highest = self._highest, {}
        return highest | {name: ask() for name, ask in self.ask.items()}


gauges = Gauges()
"""This process's."""
