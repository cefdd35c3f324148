"""Makes sure that every shutdown ends: a process that exceeds its time logs what it leaves behind, and exits."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

import structlog

from widget.telemetry import logs

log = structlog.get_logger("widget.server.ending")

MARGIN = 3.0
"""Seconds after the time of a shutdown, for the last answers and writes."""


def leave() -> NoReturn:
    """Exit now, without waiting for threads: one may be waiting for a database that is unavailable."""
    sys.stdout.flush()
    logs.flush()
    os._exit(0)


def end_within(seconds: float, sending: Callable[[], Sequence[str]], end: Callable[[], object] = leave) -> None:
    """Exit, or call another `end`, whatever this process waits for, once `seconds` and `MARGIN` have passed.

    A database that is unavailable, or a thread that hangs, cannot be asked to stop. Nothing is lost: what was accepted
    is on stable storage, and the next process marks what was `sending` as unknown.
    """

    def cut_off() -> None:
        log.error("process.cut_off", after=seconds, sending=list(sending()))
        end()

    timer = threading.Timer(seconds + MARGIN, cut_off)
    timer.daemon = True
    timer.start()
