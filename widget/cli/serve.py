"""`widget serve`."""

import socket
import sys
from collections.abc import Callable
from functools import partial

import click

from widget.app import create_app
from widget.cli import common
from widget.config.settings import Settings
from widget.server import hardening
from widget.server.processes import run_processes
from widget.server.serving import Server, address_of, listen
from widget.telemetry import logs


@click.command()
def serve() -> None:
    """Run the web process. With SQLite it also delivers."""
    settings = common.settings()
    hardening.harden()
    logs.configure(settings.log_level, "web")
    with common.or_fail(lambda: listen(settings.host, settings.port)) as listening:
        if settings.web_concurrency == 1:
            _serve(settings, listening)
        else:
            work = partial(_serve, settings, listening)
            sys.exit(run_processes(work, settings.web_concurrency, listening.close))


def _serve(settings: Settings, listening: socket.socket, started: Callable[[], None] = lambda: None) -> None:
    app = common.or_fail(lambda: create_app(settings, address_of(listening)))
    try:
        Server(app, settings, started).run(sockets=[listening])
    except SystemExit:  # uvicorn exits like this if the lifespan fails to start
        problem = getattr(app.state, "problem", None)
        common.fail(common.named(problem) if problem else "The widget could not start. The log says why.")
