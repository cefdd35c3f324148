"""Outboxes of either kind for tests that open one in their own process."""

import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import migrated
import psycopg
from sqlalchemy import Connection, text

from widget.outbox.backend import Backend
from widget.outbox.model import Pending
from widget.outbox.outbox import Outbox
from widget.outbox.postgres import PostgresBackend
from widget.outbox.sealing import PLAIN, Keyring
from widget.outbox.sqlite import SQLiteBackend
from widget.submissions.model import Attachment, Feedback, Submission
from widget.submissions.spooled import SpooledFile

FEEDBACK = Feedback("It works", "ada@example.com", rating=True, consent=True)


def backend_at(url: str, folder: Path, keyring: Keyring = PLAIN) -> Backend:
    """The backend for a database's address."""
    if url.startswith("sqlite:///"):
        return SQLiteBackend(Path(url.removeprefix("sqlite:///")), keyring=keyring)
    return PostgresBackend(url, connections=4, spool=folder / "spool", keyring=keyring)


@asynccontextmanager
async def outbox_at(url: str, folder: Path, *, keyring: Keyring = PLAIN, **options: Any) -> AsyncIterator[Outbox]:
    """An outbox with its tables, open."""
    is_empty = migrated.is_empty(url)
    if not (is_empty and migrated.copied(url)):
        first = Outbox(backend_at(url, folder))
        await first.migrate()
        await first.close()
        if is_empty:
            migrated.keep(url)
    outbox = Outbox(backend_at(url, folder, keyring), **options)
    await outbox.open()
    yield outbox
    await outbox.close()


def new_submission(
    outbox: Outbox, *files: bytes, product: str = "demo", submission_id: str = "", context: str | None = None
) -> Submission:
    """A submission whose files are where uploads are."""
    attachments = []
    for number, content in enumerate(files):
        path = outbox.backend.spool / uuid.uuid4().hex
        path.write_bytes(content)
        attachments.append(Attachment(f"{number}.png", "image/png", len(content), SpooledFile(path)))
    return Submission(submission_id or uuid.uuid4().hex, product, FEEDBACK, tuple(attachments), context=context)


async def time_passes(outbox: Outbox, seconds: float) -> None:
    """Make the rows this much older. The database's own clock stays as it is."""
    statement = text(
        "UPDATE submission SET due_at = due_at - :s, accepted_at = accepted_at - :s, ended_at = ended_at - :s"
    )
    await outbox.backend.write(lambda c: c.execute(statement, {"s": seconds}).rowcount)


def end_leases(url: str) -> None:
    """Let what a process was sending when it died be free. In a file it is as soon as the next process starts."""
    if not url.startswith("sqlite:///"):
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE submission SET due_at = 0 WHERE state = 'sending'")


async def row(outbox: Outbox, submission_id: str) -> dict[str, Any]:
    """Everything that the database has about a submission."""

    def look(connection: Connection) -> dict[str, Any]:
        found = connection.execute(text("SELECT * FROM submission WHERE id = :id"), {"id": submission_id}).one()
        return dict(found._mapping)

    return await outbox.backend.read(look)


async def kept_blobs(outbox: Outbox) -> int:
    """The number of files whose bytes are in the outbox, whether a row names them or not."""
    if isinstance(outbox.backend, SQLiteBackend):
        return len(await outbox.backend.strays())
    count = text("SELECT count(DISTINCT blob) FROM attachment_chunk")
    return await outbox.backend.read(lambda c: c.execute(count).scalar_one())


async def read_file(outbox: Outbox, file: Pending) -> bytes:
    """The bytes of a file."""
    return b"".join([chunk async for chunk in outbox.backend.chunks(file.blob, sealed=file.sealed)])


async def due_ids(outbox: Outbox, limit: int = 10, shut: Collection[str] = ()) -> list[str]:
    """The ids of the rows that may be tried now, the longest due first."""
    return [row.id for row in await outbox.due(limit, shut)]
