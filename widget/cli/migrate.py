"""`widget migrate`."""

import asyncio

import click
import structlog

from widget.app.outbox import create_outbox
from widget.cli import common
from widget.config.settings import Settings
from widget.errors import OutboxUnavailable
from widget.outbox.opening import pauses
from widget.telemetry import logs

log = structlog.get_logger("widget.cli.migrate")
PATIENCE = 30.0
"""Seconds that the database may take to answer."""


@click.command()
def migrate() -> None:
    """Create the database, or upgrade it. Safe at any time, and from several machines at once."""
    settings = common.settings()
    logs.configure(settings.log_level)

    try:
        common.or_fail(lambda: asyncio.run(_migrate(settings)))
    except OutboxUnavailable as error:
        common.fail(f"The outbox cannot be used now: {error}")
    click.echo("The outbox is up to date.")


async def _migrate(settings: Settings) -> None:
    """Migrate. If the database is still starting, wait for it."""
    outbox = create_outbox(settings, make_folder=True)
    reason = "the database did not answer"
    try:
        async with asyncio.timeout(PATIENCE):
            for pause in pauses():
                try:
                    return await outbox.migrate()
                except OutboxUnavailable as error:
                    reason = str(error)
                    log.warning("outbox.unavailable", reason=reason, next_try_in=pause)
                await asyncio.sleep(pause)
    except TimeoutError:
        raise OutboxUnavailable(f"{reason} (tried for {PATIENCE:.0f} s)") from None
    finally:
        await outbox.close()
