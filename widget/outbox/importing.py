"""Imports submissions that another outbox exported, with their ids, states and receipts.

A submission that exists here already is left as it is, so an import can be repeated.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import BindParameter, Boolean, Connection, bindparam, case, insert, null, select, update
from sqlalchemy.exc import IntegrityError

from widget.outbox.backend import Backend
from widget.outbox.model import NO_ID
from widget.outbox.tables import attachment, submission
from widget.submissions.model import Attachment
from widget.submissions.spooled import SpooledFile

_SEALED = ("description", "email", "context", "last_error", "told")
"""The columns that are encrypted if there is a key."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file. `content` is None if the bytes are gone. The other fields are columns of `attachment`."""

    name: str
    media_type: str
    size: int
    status: str
    message: str | None
    note: str | None
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Imported:
    """A submission. `columns` are the exported ones of `submission`, decrypted. Times are Unix seconds."""

    columns: Mapping[str, Any]
    files: tuple[ImportedFile, ...]
    without_id: bool = False


class Importer:
    """Writes to the outbox on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        waits: BindParameter[bool] = bindparam("is_waiting", type_=Boolean)
        given = {name: bindparam(f"its_{name}", type_=column.type) for name, column in submission.c.items()}
        given["due_at"] = case((waits, backend.now), else_=given["due_at"])  # type: ignore[assignment]
        given["put_back_at"] = case((waits, backend.now), else_=null())  # type: ignore[assignment]
        self._add = insert(submission).values(given)
        self._end = (
            update(submission)
            .where(submission.c.id == bindparam("an_id"))
            .values(state=bindparam("at_last"), ended_at=bindparam("at"))
        )
        self._is_known = select(submission.c.id).where(submission.c.id == bindparam("an_id"))

    async def take(self, group: Sequence[Imported | Exception]) -> Sequence[bool | Exception]:
        """Store submissions at once, so that they share commits. For each, in order: whether it is new, False if its id
        is already known and nothing is stored, or an error: OutboxUnavailable, ValueError if another submission used
        its signed identity, or the one that stands in its place.

        A queued submission is due at once and is retried for as long as a new one. One that was being sent when it was
        exported may have arrived, so it becomes `unknown`.
        """
        outcomes = await asyncio.gather(*map(self._take, group))
        if True in outcomes:
            await self._backend.announce()
        return outcomes

    async def _take(self, new: Imported | Exception) -> bool | Exception:
        try:
            return new if isinstance(new, Exception) else await self._store(new)
        except Exception as error:
            return error

    async def _store(self, new: Imported) -> bool:
        row = _row(new)
        key = self._backend.keyring.newest
        seal = partial(self._backend.keyring.seal, key, row["id"])
        row |= {name: seal(name, row[name]) for name in _SEALED}
        row["data_key"] = None if row["email"] is None else key
        is_waiting = row["state"] == "queued" and row["held_for"] is None
        values = {f"its_{name}": value for name, value in row.items()} | {"is_waiting": is_waiting}
        has_ended = row["ended_at"] is not None
        kept = [number for number, file in enumerate(new.files) if file.content is not None]

        def store(connection: Connection, blobs: Sequence[str]) -> bool:
            # The database counts an end when a row comes to it, so a row that has ended is stored as if it had not.
            begun = {"its_state": "queued", "its_ended_at": None} if has_ended else {}
            connection.execute(self._add, values | begun)
            if has_ended:
                connection.execute(self._end, {"an_id": row["id"], "at_last": row["state"], "at": row["ended_at"]})
            named = dict(zip(kept, blobs, strict=True))
            for number, file in enumerate(new.files):
                connection.execute(insert(attachment), _attachment(file, number, row["id"], named.get(number), seal))
            return True

        if await self._knows(row["id"]):
            return False
        try:
            await self._backend.keep([self._spooled(new.files[number]) for number in kept], store)
        except IntegrityError:
            if await self._knows(row["id"]):  # another process was faster
                return False
            raise ValueError("another submission used its signed identity") from None
        return True

    async def _knows(self, submission_id: str) -> bool:
        found = await self._backend.read(lambda c: c.scalar(self._is_known, {"an_id": submission_id}))
        return found is not None

    def _spooled(self, file: ImportedFile) -> Attachment:
        spooled = SpooledFile(self._backend.spool / uuid.uuid4().hex, sealed=self._backend.keyring.newest is not None)
        spooled.append(file.content or b"")
        return Attachment(file.name, file.media_type, file.size, spooled)


def _row(new: Imported) -> dict[str, Any]:
    """All columns of a row that is not being sent."""
    row = dict.fromkeys(submission.c.keys()) | {"separately": False, "possible_duplicate": False, **new.columns}
    row["files"] = len(new.files)
    if new.without_id:
        row["feedback_id"] = NO_ID
    if row["state"] == "sending":
        row |= {"state": "unknown", "due_at": None, "possible_duplicate": True}
    if row["state"] in ("refused", "discarded", "delivered"):
        row["due_at"] = None
    return row


def _attachment(
    file: ImportedFile, position: int, submission_id: str, blob: str | None, seal: Callable[[str, str | None], Any]
) -> Mapping[str, Any]:
    """The columns of a file. One that waited is refused if its bytes are gone."""
    return {
        "submission_id": submission_id,
        "position": position,
        "name": seal(f"name {position}", file.name),
        "media_type": file.media_type,
        "size": file.size,
        "status": "refused" if blob is None and file.status == "waiting" else file.status,
        "message": seal(f"message {position}", file.message),
        "note": file.note,
        "blob": blob,
    }
