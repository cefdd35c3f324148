"""`widget worker`."""

import asyncio
import signal

import click

from widget.app import deliver_until
from widget.cli import common
from widget.server import hardening
from widget.server.ending import end_within, leave
from widget.telemetry import logs


@click.command()
def worker() -> None:
    """Run a delivery process without a web server. Needs PostgreSQL."""
    settings = common.settings()
    if settings.sqlite_path:
        common.fail("DATABASE_URL: a worker needs PostgreSQL; with SQLite the web process delivers")
    hardening.harden()
    logs.configure(settings.log_level, "worker")

    async def run() -> None:
        stopping = asyncio.Event()
        for asked in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(asked, stopping.set)
        await deliver_until(
            stopping, settings, lambda dispatcher: end_within(settings.shutdown_grace, lambda: dispatcher.sending)
        )

    common.or_fail(lambda: asyncio.run(run()))
    leave()
