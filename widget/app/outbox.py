"""The outbox on the database of the settings."""

import os
import tempfile
from pathlib import Path

from widget.config.settings import Settings
from widget.outbox.backend import Backend
from widget.outbox.outbox import Outbox
from widget.outbox.sealing import Keyring
from widget.outbox.sqlite import SQLiteBackend


def create_outbox(
    settings: Settings, connect_timeout: int = 5, role: str = "command", *, make_folder: bool = False
) -> Outbox:
    """The outbox on the database that the settings name. Its host may take `connect_timeout` seconds to answer.

    `role` is web, worker or command; PostgreSQL shows it as the name of the connections.
    With `make_folder` the folder of an SQLite file is created. So is that of a relative path. Any other may be a volume
    that is not mounted.
    """
    backend: Backend
    keyring = Keyring(settings.data_keys)
    if settings.sqlite_path:
        make_folder = make_folder or not settings.sqlite_path.is_absolute()
        backend = SQLiteBackend(settings.sqlite_path, keyring=keyring, make_folder=make_folder)
    else:
        from widget.outbox.postgres import PostgresBackend  # its driver is optional, and takes time to load

        backend = PostgresBackend(
            settings.database_url,
            connections=settings.database_connections,
            keyring=keyring,
            connect_timeout=connect_timeout,
            name=f"widget {role}",
            spool=settings.spool or Path(tempfile.gettempdir()) / f"widget-{os.getuid()}",
        )
    return Outbox(
        backend,
        lease=settings.lease,
        max_pending=settings.pending_bytes,
        max_quarantine=settings.quarantine_bytes,
        share=len(settings.products) > 1,
        keep_context=settings.context_days > 0,
        events=[slug for slug, product in settings.products.items() if product.events],
    )
