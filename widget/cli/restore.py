"""`widget restore`."""

import asyncio
from pathlib import Path

import click

from widget.app.outbox import create_outbox
from widget.cli import common, operating
from widget.config.settings import Settings
from widget.errors import BackupUnusable, OutboxUnavailable
from widget.outbox.restore import Archive, Restored, lost_receipts
from widget.outbox.restore import restore as restore_all
from widget.outbox.sealing import Keyring
from widget.telemetry import logs


@click.command()
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
def restore(source: Path) -> None:
    """Restore the backup FROM into the database of DATABASE_URL, which has to be empty.

    What waited when the backup was made may have been delivered since. It is held, flagged as a possible duplicate,
    until you release it with `widget outbox retry` or give it up with `widget outbox discard`.
    """
    settings = common.settings()
    logs.configure(settings.log_level)
    try:
        restored, archive = common.or_fail(lambda: asyncio.run(_restore(settings, source)))
    except BackupUnusable as error:
        common.fail(f"{error}. Nothing was restored.")
    except OutboxUnavailable as error:
        common.fail(f"The outbox cannot be used now: {error}. Nothing was restored.")
    except OSError as error:
        common.fail(f"{error.filename or source}: {error.strerror}. Nothing was restored.")
    operating.audit("outbox.restored", rows=restored.submissions, held=restored.held)
    click.echo(f"Restored {operating.rows(restored.submissions)} of the backup of {archive.manifest.made_at}.")
    if restored.held:
        click.echo(
            f"{restored.held} of them waited. They are held, because Insider Connect may have received them since:\n"
            "  widget outbox list --restored      shows them\n"
            "  widget outbox retry --restored     delivers them; some may arrive twice\n"
            "  widget outbox discard --restored   gives them up"
        )
    if restored.missing:
        click.echo(f"{restored.missing} files are missing: they were delivered or erased while the backup was made.")
    if lost_receipts(archive.manifest, Keyring(settings.keys)):
        click.echo("SECRET_KEY has no key from that time: receipts from before the backup are not valid.", err=True)


async def _restore(settings: Settings, source: Path) -> tuple[Restored, Archive]:
    archive = await asyncio.to_thread(Archive, source)
    archive.check_readable(Keyring(settings.data_keys))
    backend = create_outbox(settings, common.CONNECT_TIMEOUT, make_folder=True).backend
    await backend.open()
    try:
        return await restore_all(backend, archive), archive
    finally:
        await backend.close()
        archive.close()
