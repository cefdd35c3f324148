"""What the outbox asks of a database: the one port between its statements and where they run."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection

from widget.outbox.sealing import Keyring
from widget.submissions.model import Attachment

T = TypeVar("T")


class Backend(Protocol):
    """A database, the place of the attachments' bytes, and the engine that says when rows are tried, if it has one."""

    now: ColumnElement[float]
    """The database's clock, as an expression: Unix seconds."""
    spool: Path
    """Where uploads may be put so that `keep` is cheap."""
    keyring: Keyring
    """What seals texts and files, where `DATA_KEY` says so."""
    alone: bool
    """Whether one process at a time uses it: then a lease that an earlier one left is nobody's."""

    async def open(self, *, exclusive: bool = True) -> None:
        """Connect; not `exclusive` beside a process that serves. Raises ConfigurationError when it cannot be used."""

    async def close(self) -> None:
        """Let go of everything."""

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in a transaction; on stable storage once this returns. Raises OutboxUnavailable.

        `job` may be run again when its transaction came to nothing.
        """

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` without writing. Raises OutboxUnavailable."""

    async def keep(self, attachments: Sequence[Attachment], job: Callable[[Connection, Sequence[str]], T]) -> T:
        """Store the bytes of `attachments`, sealed if there is a key, and run `job` with the name of each one's blob:
        as `write`, all or nothing.

        Raises OutboxUnavailable, also when there are none but no room for anything new.
        """

    def chunks(self, blob: str, *, sealed: bool) -> AsyncIterator[bytes]:
        """The bytes of a blob as they were sent, chunk by chunk; `sealed` if its row is. Raises OutboxUnavailable."""

    async def erase(self, blobs: Sequence[str]) -> None:
        """Remove blobs that no row names any more."""

    async def strays(self) -> set[str]:
        """The names of all blobs that a crash may have left behind; the rows say which of them are needed."""

    def enqueue(self, connection: Connection, ids: Sequence[str], delay: float = 0.0) -> int:
        """Tell the engine of rows that may be tried in `delay` seconds, in the transaction of `connection`.

        Answers how many it did not know of. Where the rows are the queue there is nobody to tell.
        """

    def dequeue(self, connection: Connection, submission_id: str) -> None:
        """Tell the engine that somebody has taken a row."""
