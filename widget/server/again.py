"""SIGHUP: a process reads its settings, secrets and products anew, by starting itself again in its place.

The process keeps its id and its listening socket, so no connection is refused: those that arrive while it stops are
answered until all that were open have ended, and then wait. First it tries such a start in a second process
(`--trial`), because opening the database twice in one would release its locks (fcntl(2)). If that fails, this is logged
and the process goes on with the old settings.

SIGHUP ends a process that has no handler for it yet. So it is blocked from the start of the command (`cli.main`), or
from before the program is replaced, until `on_hangup`. A signal that arrives meanwhile is delivered then.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NoReturn

import structlog

from widget.server.serving import FIRST_PASSED
from widget.telemetry import logs

log = structlog.get_logger("widget.server.again")

_PATIENCE = 60.0
"""Seconds that a trial may take."""


def on_hangup(stop: Callable[[], object]) -> None:
    """From now on, call `stop` after a SIGHUP, in another thread, unless a start would fail."""
    asked: SimpleQueue[None] = SimpleQueue()  # a lock could be held already by what the signal interrupts

    def watch() -> None:
        while True:
            asked.get()
            while not asked.empty():
                asked.get()
            if reason := _try_start():
                log.error("settings.unusable", reason=reason)
            else:
                log.info("widget.starting_again")
                stop()
                return

    threading.Thread(target=watch, name="hangup", daemon=True).start()
    signal.signal(signal.SIGHUP, lambda *_: asked.put(None))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _try_start() -> str | None:
    """Why this command could not be started now; None if it could."""
    try:
        done = subprocess.run(  # noqa: S603
            [*_command(), "--trial"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            check=False,
            process_group=0,  # waited for here, and not as one of `processes`
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"a start could not be tried: {error}"
    return (done.stderr.strip() or f"a start ended with {done.returncode}") if done.returncode else None


def start_again(listening: int | None = None) -> NoReturn:
    """Start this command again in this process, with the descriptor of its listening socket, if it has one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    sys.stdout.flush()
    logs.flush()
    if listening is not None:
        os.dup2(listening, FIRST_PASSED)
        os.set_inheritable(FIRST_PASSED, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    command = _command()
    os.execv(command[0], command)  # noqa: S606


def _command() -> list[str]:
    return [sys.executable, "-P", "-m", "widget", *sys.argv[1:]]
