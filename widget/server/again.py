"""SIGHUP: a process reads its settings, secrets and products anew, by starting itself again in its place.

The process keeps its id and its listening socket, so connections that arrive meanwhile wait and none is refused. If the
settings are unusable, this is logged and the process goes on with the old ones.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import structlog

from widget.config.loading import load
from widget.errors import ConfigurationError
from widget.server.serving import FIRST_PASSED

log = structlog.get_logger("widget.server.again")


def on_hangup(stop: Callable[[], object]) -> None:
    """Call `stop` on SIGHUP, unless the settings are unusable."""

    def look(*_: object) -> None:
        try:
            load(os.environ)
        except ConfigurationError as error:
            log.error("settings.unusable", reason=str(error))
        else:
            log.info("widget.starting_again")
            stop()

    signal.signal(signal.SIGHUP, look)


def start_again(listening: int | None = None) -> NoReturn:
    """Start this command again in this process, with the descriptor of its listening socket, if it has one."""
    if listening is not None:
        os.dup2(listening, FIRST_PASSED)
        os.set_inheritable(FIRST_PASSED, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "widget", *sys.argv[1:]])  # noqa: S606
