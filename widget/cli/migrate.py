"""`widget migrate`."""

import asyncio

import click

from widget import logs
from widget.app import create_outbox
from widget.cli import common


@click.command()
def migrate() -> None:
    """Create the database, or upgrade it. Safe at any time, and from several machines at once."""
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
