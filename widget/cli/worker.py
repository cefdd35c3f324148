"""`widget worker`."""

import asyncio
import signal
import socket
from contextlib import AsyncExitStack

import click

from widget.app.worker import monitoring, working
from widget.cli import common
from widget.config.settings import Settings
from widget.server import hardening
from widget.server.again import on_hangup, start_again
from widget.server.ending import end_within, leave
from widget.server.serving import address_of, answering, listen
from widget.telemetry import logs


@click.command()
def worker() -> None:
    """Run a delivery process without a web server. Needs PostgreSQL.

    With WORKER_PORT it answers /healthz and /readyz there. On SIGHUP it reads secrets from files, credentials and the
    products' file again.
    """
    settings = common.settings()
    if settings.sqlite_path:
        common.fail("DATABASE_URL: a worker needs PostgreSQL; with SQLite the web process delivers")
    hardening.harden()
    logs.configure(settings.log_level, "worker")
    port = settings.worker_port
    listening = None if port is None else common.or_fail(lambda: listen(settings.host, port))
    if common.or_fail(lambda: asyncio.run(_work(settings, listening))):
        start_again()
    leave()


async def _work(settings: Settings, listening: socket.socket | None) -> bool:
    """Deliver until this process is asked to stop. Returns whether it should start again."""
    stopping, again = asyncio.Event(), asyncio.Event()

    def hang_up() -> None:
        again.set()
        stopping.set()

    loop = asyncio.get_running_loop()
    on_hangup(lambda: loop.call_soon_threadsafe(hang_up))
    for asked in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(asked, stopping.set)
    async with AsyncExitStack() as stack:
        address = None if listening is None else address_of(listening)
        worker = await stack.enter_async_context(working(settings, address))
        if listening is not None:
            app = await stack.enter_async_context(monitoring(worker))
            await stack.enter_async_context(answering(app, listening))
        await stopping.wait()
        end_within(settings.shutdown_grace, lambda: worker.dispatcher.sending)
    return again.is_set()
