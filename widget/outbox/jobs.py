"""The only kind of Procrastinate job on PostgreSQL: "drain", which says that rows are due, but not which.

The rows are the truth, so losing every job loses nothing. No two waiting jobs share a `queueing_lock`, so at most one
job waits, however many rows do. Of the engine's tables, this module uses only its SQL functions and that lock.
"""

from importlib import resources
from typing import Any, cast

from sqlalchemy import Connection, select, text, update

from widget.outbox.tables import schema_version

QUEUE = TASK = "drain"
RELATIONS = [f"procrastinate_{what}{kind}" for what in ("jobs", "events", "workers") for kind in ("", "_id_seq")]
"""The engine's tables that are used, with their sequences."""
EARLIER_QUEUE, EARLIER_TASK = "delivery", "deliver"
"""The task of the previous release, which deferred a job for each row and may still be running."""

_ANNOUNCE = text(
    f"""
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW('{QUEUE}', '{TASK}', 0, NULL, '{TASK}', CAST('{{}}' AS jsonb), NULL)::procrastinate_job_to_defer_v1
    ])
    WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = '{TASK}' AND status = 'todo')
    """  # noqa: S608
)


def announce(connection: Connection) -> None:
    """Defer a job, unless one is waiting. Raises IntegrityError if another process was faster."""
    connection.execute(_ANNOUNCE)


def is_current(connection: Connection) -> bool:
    """Whether the engine's tables match its installed release."""
    return connection.scalar(select(schema_version.c.engine)) == _migrations()[-1]


def upgrade(connection: Connection) -> None:
    """Create the engine's tables, or apply those of its migrations that are missing."""
    at = connection.scalar(select(schema_version.c.engine))
    folder = resources.files("procrastinate.sql")
    if at is None:
        scripts = [folder / "schema.sql"]
    else:
        scripts = [folder / "migrations" / name for name in _migrations() if name > at]
    # A script has several statements and literal % signs, which only the driver itself takes as they are.
    driver = cast(Any, connection.connection.driver_connection)
    for script in scripts:
        driver.execute(script.read_bytes())
    connection.execute(update(schema_version).values(engine=_migrations()[-1]))


def _migrations() -> list[str]:
    folder = resources.files("procrastinate.sql") / "migrations"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
