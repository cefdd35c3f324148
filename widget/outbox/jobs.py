"""Procrastinate's jobs, as PostgreSQL sees them: deferred and withdrawn in the outbox's own transactions.

A job says no more than that a row may be tried: the row is the truth, and losing every job loses nothing. The engine's
tables are its own; what is used of them here is its SQL functions and the `queueing_lock`, of which no two jobs wait.
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
    """Defer a job for each row that has none waiting; answers how many."""
    return connection.scalar(_ENQUEUE, {"ids": list(ids), "delay": delay}) or 0 if ids else 0


def dequeue(connection: Connection, submission_id: str) -> None:
    """Withdraw the job of a row that somebody took without it."""
    connection.execute(_DEQUEUE, {"id": submission_id})


def is_current(connection: Connection) -> bool:
    """Whether the engine's tables are those of the release that is installed."""
    return connection.scalar(select(schema_version.c.engine)) == _migrations()[-1]


def upgrade(connection: Connection) -> None:
    """Create the engine's tables, or take those of its own migrations that are missing."""
    at = connection.scalar(select(schema_version.c.engine))
    folder = resources.files("procrastinate.sql")
    if at is None:
        scripts = [folder / "schema.sql"]
    else:
        scripts = [folder / "migrations" / name for name in _migrations() if name > at]
    # Several statements in one script, with % signs that mean nothing: this is for the driver alone.
    driver = cast(Any, connection.connection.driver_connection)
    for script in scripts:
        driver.execute(script.read_bytes())
    connection.execute(update(schema_version).values(engine=_migrations()[-1]))


def _migrations() -> list[str]:
    folder = resources.files("procrastinate.sql") / "migrations"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
