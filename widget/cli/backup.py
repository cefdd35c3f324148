"""`widget backup`."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from widget.app.outbox import create_outbox
from widget.cli import common, operating
from widget.config.settings import Settings
from widget.errors import OutboxUnavailable
from widget.outbox import migrations
from widget.outbox.backup import Manifest, back_up, whole_or_nothing
from widget.outbox.sealing import Keyring
from widget.telemetry import logs


@click.command()
@click.argument("to", metavar="TO", type=click.Path(path_type=Path))
def backup(to: Path) -> None:
    """Write a backup of the outbox to TO, a new file, or one in the folder TO that is named after the time.

    Works while the service runs, for SQLite and PostgreSQL alike. The file gets its name once it is complete. With
    DATA_KEY it stays encrypted: keep a copy of the keys elsewhere.
    """
    settings = common.settings()
    logs.configure(settings.log_level)
    path = to / f"widget-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup" if to.is_dir() else to
    try:
        manifest = common.or_fail(lambda: asyncio.run(_back_up(settings, path)))
    except OutboxUnavailable as error:
        common.fail(f"The outbox cannot be used now: {error}. No backup was written.")
    except OSError as error:
        common.fail(f"{error.filename or path}: {error.strerror}. No backup was written.")
    operating.audit("outbox.backed_up", rows=manifest.rows["submission"], files=manifest.files)
    click.echo(f"{path}: {operating.rows(manifest.rows['submission'])} with {manifest.files} files.")
    if manifest.missing:
        click.echo(f"{len(manifest.missing)} more files were delivered or erased meanwhile.")


async def _back_up(settings: Settings, path: Path) -> Manifest:
    backend = create_outbox(settings, common.CONNECT_TIMEOUT).backend
    common.check_there_is_one(backend)
    await backend.open(exclusive=False)
    try:
        await backend.read(migrations.check)
        with whole_or_nothing(path) as file:
            return await back_up(backend, file, Keyring(settings.keys).names)
    finally:
        await backend.close()
