"""The interface between the outbox's statements and the database that runs them."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection
from sqlalchemy.dialects import sqlite

from widget.outbox.sealing import Keyring
from widget.submissions.model import Attachment

T = TypeVar("T")


class Backend(Protocol):
    """A database, the storage of the attachments' bytes, and a way to wake other processes."""

    now: ColumnElement[float]
    """The database's clock, as an expression: Unix seconds."""
    takes_writes: ColumnElement[bool]
    """Whether the database lets a transaction write, as an expression."""
    spool: Path
    """The folder for uploads; `keep` can take files from it cheaply."""
    keyring: Keyring
    """Encrypts texts and files if there is a `DATA_KEY`."""
    name: str
    """The name that the database's server shows for its connections."""
    alone: bool
    """Whether only one process uses it at a time. Then leases of earlier processes are void."""

    @property
    def free(self) -> int | None:
        """Bytes that the database's disk has left; None if it is on another machine."""

    def is_begun(self) -> bool:
        """Whether there is a database to open. Raises ConfigurationError if there is none and none may be begun."""

    async def open(self, *, exclusive: bool = True) -> None:
        """Connect; not `exclusive` beside a process that serves. Raises ConfigurationError if it cannot be used."""

    async def close(self) -> None:
        """Release everything."""

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in the next transaction, which is on stable storage once this returns. Raises OutboxUnavailable.

        Jobs that arrive at the same time share the transaction, so `job` must be short and wait for nothing. If the
        transaction fails, `job` may be run again on its own.
        """

    async def write_alone(self, job: Callable[[Connection], T]) -> T:
        """As `write`, for a job that may wait for others or change many rows. It gets its own transaction, of which
        several can run at once."""

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` without writing. Raises OutboxUnavailable."""

    async def snapshot(self, job: Callable[[Connection], T]) -> T:
        """Run `job` without writing, on the database as it is at one moment, however long that takes. Raises
        OutboxUnavailable."""

    async def write_all(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in one transaction as `write` does, however long that takes. Raises OutboxUnavailable."""

    async def keep(
        self,
        attachments: Sequence[Attachment],
        job: Callable[[Connection, Sequence[str]], bool],
        last: Callable[[Connection], object] = lambda _: None,
    ) -> Sequence[str] | None:
        """Store the bytes of `attachments`, encrypted if there is a key, and run `job` as `write` does, with the name
        of each blob. All or nothing. Returns the names; None, and no bytes are kept, if `job` says that no row refers
        to them. Where several transactions run at once, `last` ends that of each, one after the other, and sees what
        the ones before have stored.

        Raises OutboxUnavailable, even without attachments if there is no room for anything new.
        """

    def chunks(self, blob: str, *, sealed: bool) -> AsyncIterator[bytes]:
        """The original bytes of a blob, chunk by chunk. `sealed`: it is encrypted. Raises OutboxUnavailable."""

    def stored_chunks(self, connection: Connection, blob: str) -> Iterator[bytes]:
        """The bytes of a blob as they are stored, for a backup. None of them if the blob is gone."""

    def put_stored(self, connection: Connection, blob: str, chunks: Iterable[bytes]) -> None:
        """Store a blob as `stored_chunks` gave it, cut into `sealing.stored_frames`."""

    async def erase(self, blobs: Sequence[str]) -> None:
        """Remove blobs that no row names any more."""

    async def strays(self) -> set[str]:
        """The names of all blobs, so that the caller can remove those that a crash left behind."""

    async def announce(self) -> None:
        """Wake the processes that deliver: rows are due that were committed before. If that fails, their next sweep
        finds the rows. Does nothing if there is only one process."""


class Terms(NamedTuple):
    """What of a `Backend` its statements depend on. Those on the same terms are the same, and built once in a process,
    however many parts of it use them: each request for the figures begins with three."""

    now: ColumnElement[float]
    takes_writes: ColumnElement[bool]
    alone: bool
    keys: tuple[str, ...]
    """The names of the keys in the keyring."""


def terms_of(backend: Backend) -> Terms:
    """The terms of a backend."""
    return Terms(backend.now, backend.takes_writes, backend.alone, backend.keyring.names)


def upsert(*, alone: bool) -> Any:
    """The `insert` that knows ON CONFLICT: of SQLite, whose process is `alone`, or of PostgreSQL."""
    if alone:
        return sqlite.insert
    from sqlalchemy.dialects import postgresql  # 2 MB that a process on SQLite does not need

    return postgresql.insert
