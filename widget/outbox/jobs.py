"""Defers and withdraws Procrastinate's jobs in the outbox's own transactions on PostgreSQL.

A job only says that a row may be tried. The row is the truth, so losing every job loses nothing. Of the engine's tables
this module uses its SQL functions and `queueing_lock`, which no two waiting jobs share.
"""

from collections.abc import Sequence
from importlib import resources
from typing import Any, cast

from sqlalchemy import Connection, select, text, update

from widget.outbox.tables import schema_version

QUEUE = "delivery"
TASK = "deliver"
"""The one task, whose arguments are `submission_id` and `product`."""

_ENQUEUE = text(
    f"""
    SELECT cardinality(procrastinate_defer_jobs_v1(array_agg(
        ROW('{QUEUE}', '{TASK}', 0, NULL, wanted.id,
            jsonb_build_object('submission_id', wanted.id, 'product', submission.product),
            CASE WHEN :delay > 0 THEN now() + make_interval(secs => :delay) END
        )::procrastinate_job_to_defer_v1 ORDER BY rank
    )))
    FROM unnest(CAST(:ids AS varchar[])) WITH ORDINALITY AS wanted (id, rank) JOIN submission USING (id)
    WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = wanted.id AND status = 'todo')
    HAVING count(*) > 0
    """  # noqa: S608
)
_DEQUEUE = text(
    "SELECT procrastinate_cancel_job_v1(id, false, true) FROM procrastinate_jobs"
    " WHERE queueing_lock = :id AND status = 'todo'"
)


def enqueue(connection: Connection, ids: Sequence[str], delay: float) -> int:
    """Defer a job for each row that has none. Returns how many."""
    return connection.scalar(_ENQUEUE, {"ids": list(ids), "delay": delay}) or 0 if ids else 0


def dequeue(connection: Connection, submission_id: str) -> None:
    """Withdraw the job of a row that was claimed without it."""
    connection.execute(_DEQUEUE, {"id": submission_id})


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
