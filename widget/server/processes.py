"""Runs several identical processes as one: starts them, replaces those that end, and stops them together.

A process that cannot start does not affect the others: it is tried again, with growing pauses, while they go on. Only
if none of them has ever started, the configuration is at fault, and all of them end.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog

from widget.telemetry import logs

log = structlog.get_logger("widget.server.processes")

_ASKED = (signal.SIGTERM, signal.SIGINT)
_HELD = (*_ASKED, signal.SIGHUP)
"""The signals that a child has to be ready for."""
_CANNOT_START = 1
"""The exit status of a process that found a problem in the configuration."""
FIRST_PAUSE = 1.0
"""Seconds before a process that ended soon after its start is replaced; doubled with each further failure."""
LONGEST_PAUSE = 60.0
"""Seconds."""
LONG_LIFE = 60.0
"""Seconds. A process that lived this long had no trouble with starting, so it is replaced at once."""


@dataclass(slots=True)
class _Place:
    """The place of one process: its current child, if any, and when the next may be started."""

    child: int | None = None
    began: float = 0.0
    failures: int = 0
    due: float = 0.0

    def ended(self, now: float) -> float:
        """The child has ended. Returns the seconds until its replacement may start."""
        self.failures = 0 if now - self.began >= LONG_LIFE else self.failures + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.failures - 1)) if self.failures else 0.0
        self.child, self.due = None, now + pause
        return pause


def run_processes(
    work: Callable[[Callable[[], None]], None], count: int, stop_listening: Callable[[], None] = lambda: None
) -> int:
    """Run `work` in `count` children until SIGTERM or SIGINT, and return the exit status.

    `work` is called with a function that it calls once it has started. `stop_listening` closes what only the children
    should hold from then on: a listening socket that stays open here would take connections that nobody answers.
    """
    return _Processes(work, count, stop_listening).run()


class _Processes:
    def __init__(
        self, work: Callable[[Callable[[], None]], None], count: int, stop_listening: Callable[[], None]
    ) -> None:
        self._work = work
        self._stop_listening = stop_listening
        self._places = [_Place() for _ in range(count)]
        self._stopping = False
        self._status = 0
        self._held, self._lifeline = os.pipe()
        self._started, self._starting = os.pipe()
        self._has_started = False

    def run(self) -> int:
        with _signals_wake(self._stop) as woken:
            while True:
                self._fill()
                if not any(place.child for place in self._places) and self._stopping:
                    return self._status
                ready, _, _ = select.select([woken, self._started], [], [], self._wait())
                for pipe in ready:
                    received = os.read(pipe, 4096)
                    self._has_started = self._has_started or (pipe == self._started and bool(received))
                self._reap()

    def _stop(self, *_: object) -> None:
        self._stopping = True
        self._stop_listening()
        for place in self._places:
            if place.child:
                os.kill(place.child, signal.SIGTERM)

    def _fill(self) -> None:
        """Fork a child for each place whose time has come."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)  # a child that is forked during the signal would miss it
        now = time.monotonic()
        for place in self._places:
            if place.child is None and place.due <= now and not self._stopping:
                self._start(place, now)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)

    def _start(self, place: _Place, now: float) -> None:
        place.child, place.began = self._fork(), now
        if self._stopping:  # another thread, which blocks no signal, got one meanwhile
            os.kill(place.child, signal.SIGTERM)

    def _wait(self) -> float | None:
        """Seconds until a place has to be filled; None if all are."""
        due = [place.due for place in self._places if place.child is None]
        return max(0.0, min(due) - time.monotonic()) if due and not self._stopping else None

    def _reap(self) -> None:
        by_child = {place.child: place for place in self._places}
        for child, ended in _ended_children():
            if child not in by_child:  # it is from before this process started again
                continue
            place = by_child[child]
            pause, status = place.ended(time.monotonic()), os.waitstatus_to_exitcode(ended)
            if self._stopping:
                continue
            if status == _CANNOT_START and not self._has_started:
                self._status = _CANNOT_START
                self._stop()
                continue
            log.error("process.died", process=child, status=status, failures=place.failures, next_start_in=pause)

    def _fork(self) -> int:
        """Fork one that runs `work`. If this process dies, the lifeline breaks and the child stops as on SIGTERM."""
        if child := os.fork():
            return child
        signal.set_wakeup_fd(-1)
        for asked in (*_ASKED, signal.SIGCHLD):
            signal.signal(asked, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # that is the parent's
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
        os.close(self._lifeline)
        os.close(self._started)

        def watch() -> None:
            os.read(self._held, 1)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, name="lifeline", daemon=True).start()
        status = 0
        try:
            self._work(lambda: _say(self._starting))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            log.exception("process.failed")
            status = 2
        finally:
            sys.stdout.flush()
            logs.flush()
            os._exit(status)
        raise AssertionError


def _ended_children() -> Iterator[tuple[int, int]]:
    """The children of this process group that have ended, each with how. The one that tries a start has a group of its
    own (`again`)."""
    with suppress(ChildProcessError):  # there are none at all
        while (ended := os.waitpid(0, os.WNOHANG))[0]:
            yield ended


def _say(pipe: int) -> None:
    with suppress(OSError):  # the parent is gone, and the lifeline says so
        os.write(pipe, b".")


@contextmanager
def _signals_wake(stop: Callable[..., None]) -> Iterator[int]:
    """Call `stop` at a signal to stop. Yields a pipe that is readable after each signal, and after the end of a
    child."""
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    for asked in _ASKED:
        signal.signal(asked, stop)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # an ignored signal would wake nobody
    yield woken
    signal.set_wakeup_fd(-1)
