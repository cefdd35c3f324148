"""Restores a backup into an empty database: all of it, or nothing.

Submissions that waited when the backup was made may have been delivered since; nobody can know. So each of them is
flagged as a possible duplicate and held until the operator releases it.
"""

import json
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from widget.errors import BackupUnusable
from widget.outbox import migrations, sealing
from widget.outbox.backend import Backend
from widget.outbox.backup import FORMAT, MANIFEST, TABLES, Manifest, member, stored
from widget.outbox.sealing import Keyring
from widget.outbox.tables import NOBODY, RESTORED, attachment, submission

_BATCH = 500
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
"""The errors that reading a damaged archive raises."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: how many submissions, how many of them are held, and how many files the backup lacked."""

    submissions: int
    held: int
    missing: int


class Archive:
    """A complete backup. Raises BackupUnusable or OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED:
            raise self._unusable("is no backup, or it is damaged or incomplete") from None
        try:
            self.manifest = self._checked()
        except BaseException:
            self._zip.close()
            raise

    def _checked(self) -> Manifest:
        """The manifest of a complete backup, if this release knows its format."""
        try:
            damaged = self._zip.testzip()
            manifest = {} if damaged else json.loads(self._zip.read(MANIFEST))
        except _DAMAGED:
            raise self._unusable("is no backup, or it is damaged or incomplete") from None
        if damaged:
            raise self._unusable(f"is damaged: {damaged} is not what was written")
        if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
            raise self._unusable("is no backup")
        if manifest["format"] > FORMAT or manifest.get("schema", 0) > migrations.LATEST:
            raise self._unusable(
                f"was made by release {manifest.get('release')} with schema {manifest.get('schema')}, and this release "
                f"knows schema {migrations.LATEST}: restore it with a release that is at least as new"
            )
        found = Manifest(**{name: _frozen(value) for name, value in manifest.items()})
        files = sum(name.startswith(stored("")) for name in self._zip.namelist())
        missing = [name for name in found.rows if f"{name}.jsonl" not in self._zip.NameToInfo]
        if missing or files != found.files:  # the directory was damaged, not a member
            raise self._unusable("is damaged: parts of it are missing")
        return found

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def check_readable(self, keyring: Keyring) -> None:
        """Raises BackupUnusable unless DATA_KEY lists every key that encrypts rows of this backup."""
        if unknown := set(self.manifest.data_keys) - set(keyring.names):
            keys = "a key" if len(unknown) == 1 else f"{len(unknown)} keys"
            raise self._unusable(f"is encrypted with {keys} that DATA_KEY does not list; list it, behind the newest")

    def rows(self, table: Table) -> Generator[dict[str, Any], None, None]:
        """The rows of a table."""
        if member(table) not in self._zip.NameToInfo:  # the table was added after the backup
            return
        with self._zip.open(member(table)) as lines:
            for line in lines:
                yield json.loads(line)

    def frames(self, blob: str) -> Generator[bytes, None, None]:
        """The stored bytes of a file, frame by frame. Nothing if the backup lacks it."""
        if stored(blob) in self._zip.NameToInfo:
            with self._zip.open(stored(blob)) as file:
                yield from sealing.stored_frames(file.read)

    def _unusable(self, words: str) -> BackupUnusable:
        return BackupUnusable(f"{self.path} {words}")


def prepare(connection: Connection) -> None:
    """Create the tables in an empty database. Raises BackupUnusable, and changes nothing, if it is not empty."""
    if inspect(connection).has_table(submission.name):
        _check_empty(connection)
    migrations.migrate(connection)


def _check_empty(connection: Connection) -> None:
    if connection.scalar(select(func.count()).select_from(submission)):
        raise BackupUnusable("the database already has submissions; restore into an empty one")


async def restore(backend: Backend, archive: Archive) -> Restored:
    """Restore into the database of `backend`, which is open.

    Raises BackupUnusable if the database is not empty, or OutboxUnavailable. In both cases nothing was restored.
    """
    await backend.write_alone(prepare)
    written: list[str] = []

    def write(connection: Connection) -> Restored:
        held = 0
        _check_empty(connection)
        for table in TABLES:
            held += _restore_rows(connection, archive, table)
        for blob in connection.scalars(select(attachment.c.blob).where(attachment.c.blob.is_not(None))).all():
            with closing(archive.frames(blob)) as frames:
                if (first := next(frames, None)) is not None:
                    written.append(blob)
                    backend.put_stored(connection, blob, chain([first], frames))
        return Restored(archive.manifest.rows.get(submission.name, 0), held, len(archive.manifest.missing))

    try:
        return await backend.write_all(write)
    except IntegrityError:
        await backend.erase(written)
        raise BackupUnusable("the database was written to meanwhile; stop the service first") from None
    except BaseException:
        await backend.erase(written)
        raise


def _restore_rows(connection: Connection, archive: Archive, table: Table) -> int:
    """Restore the rows of a table. Returns how many of them are held."""
    change = _hold if table is submission else _unchanged
    count = held = 0
    connection.execute(delete(table))
    with closing(archive.rows(table)) as rows:
        while batch := [change(row) for row in islice(rows, _BATCH)]:
            _check_columns(table, batch)
            (_insert_uncounted if table is submission else _insert)(connection, table, batch)
            count += len(batch)
            held += sum(row.get("held_for") == RESTORED for row in batch)
    if count != archive.manifest.rows.get(table.name, 0):
        raise BackupUnusable(f"{archive.path} is damaged: it lacks rows of {table.name}")
    return held


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(insert(table), rows)


def _insert_uncounted(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that the database does not count: the backup has their counts. PostgreSQL would keep each version of
    a count until the end of the transaction, and look through all of them for each row."""
    connection.execute(insert(table), [row | {"product": NOBODY} for row in rows])
    for product in sorted({row["product"] for row in rows}):
        ids = [row["id"] for row in rows if row["product"] == product]
        connection.execute(update(table).where(table.c.id.in_(ids)).values(product=product))


def _unchanged(row: dict[str, Any]) -> dict[str, Any]:
    return row


def _hold(row: dict[str, Any]) -> dict[str, Any]:
    """The row to restore. One that would be retried automatically is held, and flagged."""
    is_held = row["state"] == "queued" and row["held_for"] is not None
    if is_held:
        return row | {"possible_duplicate": True}
    if row["state"] in ("queued", "sending") or (row["state"] == "unknown" and row["due_at"] is not None):
        state = "queued" if row["state"] == "sending" else row["state"]
        still = {"state": state, "claim": None, "intent": None, "due_at": None, "ended_at": None}
        return row | still | {"held_for": RESTORED, "possible_duplicate": True}
    return row


def _check_columns(table: Table, rows: list[dict[str, Any]]) -> None:
    if unknown := set().union(*rows) - set(table.c.keys()):
        raise BackupUnusable(f"the backup has {table.name}.{min(unknown)}, which this release does not know")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def lost_receipts(manifest: Manifest, signing: Keyring) -> bool:
    """Whether none of the keys that signed when the backup was made is in use today. Receipts from then are not
    valid."""
    return not set(manifest.signing_keys) & set(signing.names)
