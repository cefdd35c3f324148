"""A backup: every row and file of an outbox at one moment, in one file, beside the running service.

It is a ZIP archive, whose checksums tell a damaged member and whose directory is written last, so that half of one does
not open. A table is a member of JSON lines with its columns as they are stored, and a file one with its stored bytes:
what is encrypted stays encrypted. SQLite and PostgreSQL write the same archive, and restore each other's.
"""

import json
import os
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Table, select

from widget import __version__
from widget.outbox import migrations
from widget.outbox.backend import Backend
from widget.outbox.events import PREFIX as EVENTS
from widget.outbox.tables import account, alarm, attachment, metadata, notice, process, schema_version, submission

FORMAT = 1
MANIFEST = "manifest.json"
_FIRST = (submission, attachment)
_MOMENTARY = (schema_version, account, process, alarm)
"""Tables about the present moment."""
TABLES: Sequence[Table] = [*_FIRST, *(each for each in metadata.sorted_tables if each not in (*_FIRST, *_MOMENTARY))]
"""What is backed up, submissions first: inserting one counts it in another table. The job engine's tables are not
needed."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `rows` counts by table; `missing` are the files that were delivered while it was made;
    `data_keys` and `signing_keys` name keys without telling anything of them."""

    format: int
    made_at: str
    release: str
    schema: int
    rows: dict[str, int]
    files: int
    missing: tuple[str, ...]
    data_keys: tuple[str, ...]
    signing_keys: tuple[str, ...]


def member(table: Table) -> str:
    """Where a table's rows are in the archive."""
    return f"{table.name}.jsonl"


def stored(blob: str) -> str:
    """Where a file's bytes are in the archive."""
    return f"files/{blob}"


async def back_up(backend: Backend, target: BinaryIO, signing_keys: Sequence[str]) -> Manifest:
    """Write a backup to `target`. Raises OutboxUnavailable, or OSError of the target."""

    def write(connection: Connection) -> Manifest:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            rows = {table.name: _write_table(connection, archive, table) for table in TABLES}
            blobs = connection.scalars(select(attachment.c.blob).where(attachment.c.blob.is_not(None))).all()
            missing = tuple(blob for blob in blobs if not _write_file(connection, backend, archive, blob))
            keys = connection.scalars(
                select(submission.c.data_key).where(submission.c.data_key.is_not(None)).distinct()
            )
            manifest = Manifest(
                format=FORMAT,
                made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                release=__version__,
                schema=migrations.LATEST,
                rows=rows,
                files=len(blobs) - len(missing),
                missing=missing,
                data_keys=tuple(sorted(keys)),
                signing_keys=tuple(signing_keys),
            )
            archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))
        return manifest

    return await backend.snapshot(write)


@contextmanager
def whole_or_nothing(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name only when all of it is on disk. Only its owner can read it. Raises OSError."""
    if path.exists():
        raise FileExistsError(17, os.strerror(17), str(path))
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with open(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_table(connection: Connection, archive: zipfile.ZipFile, table: Table) -> int:
    number = 0
    wanted = select(table)
    if table is notice:  # an alert is about one moment; an event may come twice, for its receiver knows it by its id
        wanted = wanted.where(notice.c.channel.startswith(EVENTS))
    rows = connection.execution_options(yield_per=_BATCH).execute(wanted)
    with archive.open(member(table), "w", force_zip64=True) as lines:
        for row in rows:
            lines.write(json.dumps(dict(row._mapping)).encode() + b"\n")
            number += 1
    return number


def _write_file(connection: Connection, backend: Backend, archive: zipfile.ZipFile, blob: str) -> bool:
    """Write a file's bytes, which do not compress. False if they are gone."""
    chunks = backend.stored_chunks(connection, blob)
    first = next(chunks, None)
    if first is None:
        return False
    entry = zipfile.ZipInfo(stored(blob))
    with archive.open(entry, "w", force_zip64=True) as file:
        file.write(first)
        for chunk in chunks:
            file.write(chunk)
    return True
