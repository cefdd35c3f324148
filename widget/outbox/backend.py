"""The interface between the outbox's statements and the database that runs them."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection

from widget.outbox.sealing import Keyring
from widget.submissions.model import Attachment

T = TypeVar("T")


class Backend(Protocol):
    """A database, the storage of the attachments' bytes, and how other processes learn of rows."""

    now: ColumnElement[float]
    """The database's clock, as an expression: Unix seconds."""
    spool: Path
    """The folder for uploads, from which `keep` takes them cheaply."""
    keyring: Keyring
    """Encrypts texts and files if there is a `DATA_KEY`."""
    name: str
    """What the database's server shows of its connections."""
    alone: bool
    """Whether one process at a time uses it. Then a lease that an earlier process left is void."""

    @property
    def free(self) -> int | None:
        """Bytes that the disk of the database has left; None if it is another machine's."""

    async def open(self, *, exclusive: bool = True) -> None:
        """Connect; not `exclusive` beside a process that serves. Raises ConfigurationError when it cannot be used."""

    async def close(self) -> None:
        """Release everything."""

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in the next transaction, which is on stable storage once this returns. Raises OutboxUnavailable.

        What arrives at the same time shares the transaction, so `job` must be short and wait for nobody. If the
        transaction fails, `job` may be run again, by itself.
        """

    async def write_alone(self, job: Callable[[Connection], T]) -> T:
        """As `write` does, for a job that may wait for others or change many rows: in a transaction of its own, where
        there can be several at once."""

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` without writing. Raises OutboxUnavailable."""

    async def snapshot(self, job: Callable[[Connection], T]) -> T:
        """Run `job` without writing, on the database as it is at one moment, however long it takes. Raises
        OutboxUnavailable."""

    async def write_all(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in one transaction as `write` does, however long it takes. Raises OutboxUnavailable."""

    async def keep(self, attachments: Sequence[Attachment], job: Callable[[Connection, Sequence[str]], T]) -> T:
        """Store the bytes of `attachments`, encrypted if there is a key, and run `job` as `write` does, with the name
        of each blob. All or nothing.

        Raises OutboxUnavailable, even without attachments if there is no room for anything new.
        """

    def chunks(self, blob: str, *, sealed: bool) -> AsyncIterator[bytes]:
        """The original bytes of a blob, chunk by chunk. `sealed`: it is encrypted. Raises OutboxUnavailable."""

    def stored_chunks(self, connection: Connection, blob: str) -> Iterator[bytes]:
        """The bytes of a blob as they are stored, for a backup. None of them if the blob is gone."""

    def put_stored(self, connection: Connection, blob: str, chunks: Iterable[bytes]) -> None:
        """Store a blob as `stored_chunks` gave it, cut into `sealing.stored_frames`."""

    async def erase(self, blobs: Sequence[str]) -> None:
        """Remove blobs that no row refers to any more."""

    async def strays(self) -> set[str]:
        """The names of all blobs, for the caller to remove those that a crash left behind."""

    async def announce(self) -> None:
        """Wake the processes that deliver, because rows are due that were committed before. If that fails, their next
        sweep finds the rows. Does nothing where there is one process."""
