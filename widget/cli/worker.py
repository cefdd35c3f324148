"""`widget worker`."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import NoReturn

import click

from widget.app.worker import monitoring, working
from widget.cli import common
from widget.config.settings import Settings
from widget.errors import ConfigurationError, Problem
from widget.server import hardening
from widget.server.again import on_hangup, start_again
from widget.server.ending import end_within, leave
from widget.server.serving import address_of, answering, listen
from widget.telemetry import logs


@click.command()
@common.trial
def worker(trial: bool) -> None:
    """Run a delivery process without a web server. Needs PostgreSQL.

    With WORKER_PORT it answers /healthz and /readyz there. On SIGHUP it reads secrets from files and the
    products' file again.
    """
    if trial:
        common.try_start(_check_database)
    settings = common.settings()
    common.or_fail(lambda: _check_database(settings))
    hardening.harden()
    logs.configure(settings.log_level, "worker")
    port = settings.worker_port
    listening = None if port is None else common.or_fail(lambda: listen(settings.host, port))
    common.or_fail(lambda: asyncio.run(_work(settings, listening)))()


def _check_database(settings: Settings) -> None:
    if settings.sqlite_path:
        words = "a worker needs PostgreSQL; with SQLite the web process delivers"
        raise ConfigurationError([Problem("DATABASE_URL", words)])


async def _work(settings: Settings, listening: socket.socket | None) -> Callable[[], NoReturn]:
    """Deliver until this process is asked to stop. Returns how it ends: it starts again, or leaves."""
    stopping = asyncio.Event()
    end: Callable[[], NoReturn] = leave

    def ask(to: Callable[[], NoReturn]) -> None:
        nonlocal end
        end = to
        stopping.set()

    def replace() -> None:
        if not stopping.is_set():
            kept = None if listening is None else os.dup(listening.fileno())  # stopping closes the other
            ask(partial(start_again, kept))

    loop = asyncio.get_running_loop()
    for asked in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(asked, ask, leave)
    async with AsyncExitStack() as stack:
        address = None if listening is None else address_of(listening)
        worker = await stack.enter_async_context(working(settings, address))
        if listening is not None:
            app = await stack.enter_async_context(monitoring(worker))
            await stack.enter_async_context(answering(app, listening))
        on_hangup(lambda: loop.call_soon_threadsafe(replace))
        await stopping.wait()
        end_within(settings.shutdown_grace, lambda: worker.dispatcher.sending, lambda: end())
    return end
