"""What the outbox asks of a database: the one port between its statements and where they run."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection

from widget.submission import Attachment

T = TypeVar("T")


class Backend(Protocol):
    """A database and the place of the attachments' bytes."""

    now: ColumnElement[float]
    """The database's clock, as an expression: Unix seconds."""
    spool: Path
    """Where uploads may be put so that `keep` is cheap."""

    async def open(self) -> None:
        """Connect. Raises ConfigurationError when the database cannot be used at all."""

    async def close(self) -> None:
        """Let go of everything."""

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in a transaction; on stable storage once this returns. Raises OutboxUnavailable."""

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` without writing. Raises OutboxUnavailable."""

    async def keep(self, attachments: Sequence[Attachment]) -> Sequence[str]:
        """Put the bytes on stable storage and answer the name of each blob. Raises OutboxUnavailable."""

    def chunks(self, blob: str) -> AsyncIterator[bytes]:
        """The bytes of a blob, chunk by chunk. Raises OutboxUnavailable."""

    async def erase(self, blobs: Sequence[str]) -> None:
        """Remove blobs that no row names any more."""

    async def strays(self) -> set[str]:
        """The names of all blobs that a crash may have left behind; the rows say which of them are needed."""
