"""`widget serve`."""

import os
import socket
import sys
from collections.abc import Callable
from functools import partial

import click

from widget.app.web import create_app
from widget.cli import common
from widget.config.settings import Settings
from widget.server import hardening
from widget.server.again import on_hangup, start_again
from widget.server.processes import run_processes
from widget.server.serving import Server, address_of, listen
from widget.telemetry import logs


@click.command()
def serve() -> None:
    """Run the web process. With SQLite it also delivers.

    On SIGHUP it reads secrets from files, credentials and the products' file again, without refusing a connection.
    """
    settings = common.settings()
    hardening.harden()
    logs.configure(settings.log_level, "web")
    with common.or_fail(lambda: listen(settings.host, settings.port)) as listening:
        if settings.web_concurrency == 1:
            _serve_alone(settings, listening)
        else:
            work = partial(_serve, settings, listening)
            # The child processes notice that this one is gone, and finish their work beside their successors.
            on_hangup(lambda: start_again(listening.fileno()))
            sys.exit(run_processes(work, settings.web_concurrency, listening.close))


def _serve_alone(settings: Settings, listening: socket.socket) -> None:
    """Serve, and start again in this process on request. Meanwhile, connections wait at the socket."""
    kept: list[int] = []

    def stop(server: Server) -> None:
        if not kept:
            kept.append(os.dup(listening.fileno()))
            server.stop_at_once()

    _serve(settings, listening, prepare=lambda server: on_hangup(lambda: stop(server)))
    if kept:
        start_again(kept[0])


def _serve(
    settings: Settings,
    listening: socket.socket,
    started: Callable[[], None] = lambda: None,
    *,
    prepare: Callable[[Server], None] = lambda server: None,
) -> None:
    app = common.or_fail(lambda: create_app(settings, address_of(listening)))
    server = Server(app, settings, started)
    prepare(server)
    try:
        server.run(sockets=[listening])
    except SystemExit:  # uvicorn exits like this if the lifespan fails to start
        problem = getattr(app.state, "problem", None)
        common.fail(common.named(problem) if problem else "The widget could not start. The log says why.")
