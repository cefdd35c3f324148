"""`widget backup`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from widget.cli import common, operating
from widget.outbox.backup import Manifest, back_up, whole_or_nothing
from widget.outbox.outbox import Outbox
from widget.outbox.sealing import Keyring
from widget.telemetry import logs


@click.command()
@click.argument("to", metavar="TO")
def backup(to: str) -> None:
    """Write a backup of the outbox to TO, a new file, or one in the folder TO that is named after the time.

    Works while the service runs, for SQLite and PostgreSQL alike. The file gets its name once it is complete. With a
    slash at its end, TO has to be a folder, so that no file takes the place of a volume that is not mounted. With
    DATA_KEY, the backup stays encrypted: keep a copy of the keys elsewhere.
    """
    settings = common.settings()
    logs.configure(settings.log_level)
    path = Path(to)
    if to.endswith("/") or path.is_dir():
        path /= f"widget-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup"

    async def work(outbox: Outbox) -> Manifest:
        with whole_or_nothing(path) as file:
            return await back_up(outbox.backend, file, Keyring(settings.keys).names)

    try:
        manifest = common.with_outbox(settings, work, all_readable=False, failed=". No backup was written.")
    except OSError as error:
        common.fail(f"{error.filename or path}: {error.strerror}. No backup was written.")
    operating.audit("outbox.backed_up", rows=manifest.rows["submission"], files=manifest.files)
    click.echo(f"{path}: {operating.rows(manifest.rows['submission'])} with {manifest.files} files.")
    if manifest.missing:
        click.echo(f"{len(manifest.missing)} more files were delivered or erased meanwhile.")
