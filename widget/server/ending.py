"""Every stop has an end: a process that is still there after its time says what it leaves, and goes."""

import os
import sys
import threading
from collections.abc import Callable, Sequence

import structlog

log = structlog.get_logger("widget.server.ending")

MARGIN = 3.0
"""Seconds, after a stop's time is over, for last answers and last writes."""


def leave() -> None:
    """End this process now, without waiting for its threads: one may be waiting for a database that is away."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_within(seconds: float, sending: Callable[[], Sequence[str]]) -> None:
    """End this process, whatever it waits for, once `seconds` and `MARGIN` have passed.

    A database that went away, or a thread that hangs, cannot be asked to stop. What was accepted is on stable storage,
    and what was `sending` is called unknown by the next process; so nothing is lost.
    """

    def cut_off() -> None:
        log.error("process.cut_off", after=seconds, sending=list(sending()))
        leave()

    timer = threading.Timer(seconds + MARGIN, cut_off)
    timer.daemon = True
    timer.start()
