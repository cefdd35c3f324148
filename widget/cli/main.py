"""The commands."""

import asyncio
import gc
import os
import signal
import socket
import sys
from typing import Any

import click
import uvicorn
from starlette.applications import Starlette

from widget import __version__, logs
from widget.app import create_app, create_outbox, deliver_until
from widget.cli import common
from widget.cli.check import check
from widget.cli.doctor import doctor
from widget.cli.new import new
from widget.cli.outbox import outbox
from widget.cli.preview import preview
from widget.config.settings import Settings
from widget.sandbox import accounts_from
from widget.sandbox import serve as serve_sandbox
from widget.server import hardening
from widget.server.processes import run_processes
from widget.server.protocol import protocol


@click.group()
@click.version_option(__version__, prog_name="widget")
def main() -> None:
    """An embeddable feedback widget for Insider Connect."""


@main.command()
def serve() -> None:
    """Run the web process."""
    settings = common.settings()
    hardening.harden()
    logs.configure(settings.log_level)
    with _listen(settings.host, settings.port) as listening:
        if settings.web_concurrency == 1:
            _serve(settings, listening)
        else:
            sys.exit(run_processes(lambda: _serve(settings, listening), settings.web_concurrency))


def _serve(settings: Settings, listening: socket.socket) -> None:
    app = common.or_fail(lambda: create_app(settings))
    try:
        _Server(app, settings).run(sockets=[listening])
    except SystemExit:  # uvicorn's, when the lifespan could not begin
        problem = getattr(app.state, "problem", None)
        common.fail(common.named(problem) if problem else "The widget could not start; the log says why.")


@main.command()
def worker() -> None:
    """Run a delivery process without the web part."""
    settings = common.settings()
    if settings.sqlite_path:
        common.fail("DATABASE_URL: a worker needs PostgreSQL; with SQLite the web process delivers by itself")
    hardening.harden()
    logs.configure(settings.log_level)

    async def run() -> None:
        stopping = asyncio.Event()
        for asked in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(asked, stopping.set)
        await deliver_until(stopping, settings)

    common.or_fail(lambda: asyncio.run(run()))


@main.command()
def migrate() -> None:
    """Create the database, or bring it up to date."""
    settings = common.settings()
    logs.configure(settings.log_level)

    async def run() -> None:
        outbox = create_outbox(settings)
        try:
            await outbox.migrate()
        finally:
            await outbox.close()

    common.or_fail(lambda: asyncio.run(run()))
    click.echo("The outbox is up to date.")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8001, show_default=True, help="The API's port.")
@click.option("--control-port", default=0, help="The port of inbox and faults, open also while the API is down.")
def sandbox(host: str, port: int, control_port: int) -> None:
    """Run a local Insider Connect, with fault modes and an inbox page.

    Its accounts are those of INSIDER_CLIENT_ID and INSIDER_CLIENT_SECRET (and of each product's own); without them
    there is one, whose id and secret are both "sandbox".
    """
    serve_sandbox(host, port, control_port=control_port, accounts=accounts_from(os.environ))


for command in (check, doctor, new, outbox, preview):
    main.add_command(command)


class _Server(uvicorn.Server):
    """uvicorn, which sets aside what was loaded, and takes no new rows from the outbox once it is asked to stop."""

    def __init__(self, app: Starlette, settings: Settings) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop" if sys.platform != "win32" else "auto",
                http=protocol(settings.header_timeout),  # h11 takes Content-Length and Transfer-Encoding together
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                log_level="critical",  # what goes wrong is logged by us, once
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                timeout_keep_alive=settings.keep_alive,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_grace)),
            )
        )

    async def startup(self, sockets: Any = None) -> None:
        """Start. What is there by then stays, so the collector need not walk through all of it again and again: that
        would keep everybody waiting for a tenth of a second."""
        await super().startup(sockets)
        gc.freeze()

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop: first the taking of rows, then the connections, then (in the lifespan) what is being sent."""
        if service := getattr(self._app.state, "service", None):
            service.dispatcher.drain()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        common.fail(f"HOST, PORT: cannot listen on {host}:{port}: {error.strerror}")
    listening.listen(2048)
    return listening
