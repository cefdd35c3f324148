"""Runs several identical processes as one: starts them, replaces one that dies, and stops them together."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger("widget.server.processes")

_ASKED = (signal.SIGTERM, signal.SIGINT)
_CANNOT_START = 1
"""The status of a process that reported a problem and ended. A replacement would end the same way."""
_SHORT_LIFE = 5.0
"""Seconds. A process that dies younger than this is replaced only after a pause."""
_PAUSE = 1.0
"""Seconds."""


def run_processes(work: Callable[[], None], count: int) -> int:
    """Run `work` in `count` children until SIGTERM or SIGINT, and return the exit status.

    A child that was killed is replaced. A child that reports that it cannot start ends all of them.
    """
    stopping = threading.Event()
    alive: dict[int, float] = {}

    def stop(*_: object) -> None:
        stopping.set()
        for child in alive:
            os.kill(child, signal.SIGTERM)

    for asked in _ASKED:
        signal.signal(asked, stop)
    held, lifeline = os.pipe()
    status = 0
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)  # a child forked during the signal would never hear of it
        while len(alive) < count and not stopping.is_set():
            alive[_fork(work, held, lifeline)] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
        if not alive:
            return status
        child, ended = os.wait()
        began = alive.pop(child)
        if stopping.is_set():
            continue
        if os.waitstatus_to_exitcode(ended) == _CANNOT_START:
            status = _CANNOT_START
            stop()
            continue
        log.error("process.died", process=child, status=os.waitstatus_to_exitcode(ended))
        if time.monotonic() - began < _SHORT_LIFE:
            stopping.wait(_PAUSE)


def _fork(work: Callable[[], None], held: int, lifeline: int) -> int:
    """Fork a child that runs `work`. If this process dies, the lifeline breaks and the child stops as on SIGTERM."""
    if child := os.fork():
        return child
    for asked in _ASKED:
        signal.signal(asked, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
    os.close(lifeline)

    def watch() -> None:
        os.read(held, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    status = 0
    try:
        work()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        log.exception("process.failed")
        status = 2
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    raise AssertionError
