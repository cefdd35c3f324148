"""`widget serve`."""

import os
import socket
import sys
from collections.abc import Callable

import click

from widget.app.web import create_app
from widget.cli import common
from widget.config.settings import Settings
from widget.server import hardening
from widget.server.again import on_hangup, start_again
from widget.server.processes import run_processes
from widget.server.serving import Server, address_of, is_passed, listen
from widget.telemetry import logs


@click.command()
@common.trial
def serve(trial: bool) -> None:
    """Run the web process. With SQLite it also delivers.

    On SIGHUP it reads secrets from files and the products' file again, without refusing a connection.
    """
    if trial:
        common.try_start(create_app)
    settings = common.settings()
    hardening.harden()
    logs.configure(settings.log_level, "web")
    is_kept = is_passed()
    with common.or_fail(lambda: listen(settings.host, settings.port)) as listening:
        if settings.web_concurrency == 1:
            _serve_alone(settings, listening, is_kept)
        else:

            def work(started: Callable[[], None]) -> None:
                _serve(settings, listening, lambda _: started())

            def replace() -> None:
                """The child processes notice that this one is gone, and finish their work beside their successors."""
                if listening.fileno() >= 0:  # else they are stopping
                    start_again(listening.fileno())

            on_hangup(replace)
            sys.exit(run_processes(work, settings.web_concurrency, listening.close))


def _serve_alone(settings: Settings, listening: socket.socket, is_kept: bool) -> None:
    """Serve, and start again in this process on request. Meanwhile, connections wait at the socket."""

    def replace(server: Server) -> None:
        if not server.should_exit:
            kept = os.dup(listening.fileno())  # stopping closes the other
            server.stop_for(lambda: start_again(kept))

    _serve(settings, listening, lambda server: on_hangup(lambda: replace(server)), is_kept)


def _serve(
    settings: Settings, listening: socket.socket, started: Callable[[Server], None], is_kept: bool = False
) -> None:
    app = common.or_fail(lambda: create_app(settings, address_of(listening)))
    server = Server(app, settings, lambda: started(server), is_kept=is_kept)
    try:
        server.run(sockets=[listening])
    except SystemExit:  # uvicorn exits like this if the lifespan fails to start
        problem = getattr(app.state, "problem", None)
        common.fail(common.named(problem) if problem else "The widget could not start. The log says why.")
    server.end()
