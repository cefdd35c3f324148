"""The folder with the attachments of an SQLite outbox: a file for each, named by its blob.

What `store` and `put` return from is on stable storage, so a row may refer to it. Each method blocks; the backend calls
them in threads.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path

import structlog

from widget.errors import AttachmentMissing, OutboxUnavailable
from widget.outbox import private
from widget.outbox.sealing import FRAME, HEADER, TAG, Keyring, frames
from widget.submissions.model import Attachment

log = structlog.get_logger("widget.outbox")

_CHUNK = 1024 * 1024
"""Bytes of a plain file that are read at once."""


class Folder:
    """The folder at `path`, whose files are encrypted if `keyring` has a key."""

    def __init__(self, path: Path, keyring: Keyring) -> None:
        self.path = path
        self._keyring = keyring
        self._left: set[str] = set()
        """What could not be removed yet."""

    def free(self) -> int:
        """Bytes that the disk has left. Raises OSError."""
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def names(self) -> set[str]:
        """The names of all files."""
        return {entry.name for entry in os.scandir(self.path) if entry.is_file()}

    def store(self, attachments: Sequence[Attachment]) -> Sequence[str]:
        """Move or encrypt uploads into the folder, and return the names of their blobs. Raises OutboxUnavailable."""
        blobs: list[str] = []
        try:
            for attachment in attachments:
                blobs.append(uuid.uuid4().hex)
                if self._keyring.newest:
                    sealed = self._keyring.seal_file(blobs[-1], frames(attachment.content.read_bytes()))
                    self._write(blobs[-1], sealed)
                    attachment.content.path.unlink()
                else:
                    _sync(attachment.content.path)
                    attachment.content.path.rename(self.path / blobs[-1])
            _sync(self.path)
        except OSError as error:
            self.erase(blobs)
            raise OutboxUnavailable(f"an attachment cannot be stored: {error.strerror}") from error
        return blobs

    def put(self, blob: str, chunks: Iterable[bytes]) -> None:
        """Write and sync a file with these bytes. Raises OutboxUnavailable."""
        try:
            self._write(blob, chunks)
        except OSError as error:
            raise OutboxUnavailable(f"an attachment cannot be stored: {error.strerror}") from error

    def stored(self, blob: str) -> Iterator[bytes]:
        """The bytes of a file as they are stored; none if it is gone. Raises OutboxUnavailable."""
        try:
            with (self.path / blob).open("rb") as file:
                while chunk := file.read(FRAME):
                    yield chunk
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutboxUnavailable(f"an attachment cannot be read: {error.strerror}") from error

    async def chunks(self, blob: str, *, sealed: bool) -> AsyncIterator[bytes]:
        """The same, read in a thread; of a sealed file, each chunk is a frame. Raises AttachmentMissing if it is
        gone."""
        size, after = (HEADER + FRAME + TAG, FRAME + TAG) if sealed else (_CHUNK, _CHUNK)
        try:
            with await asyncio.to_thread((self.path / blob).open, "rb") as file:
                while chunk := await asyncio.to_thread(file.read, size):
                    yield chunk
                    if len(chunk) < size:
                        return
                    size = after
        except FileNotFoundError as error:
            raise AttachmentMissing("The file is no longer stored.") from error
        except OSError as error:
            raise OutboxUnavailable(f"an attachment cannot be read: {error.strerror}") from error

    def erase(self, blobs: Iterable[str]) -> None:
        """Remove the files, if they still exist. No row names them any more, so a disk that refuses stops nobody: they
        are removed with the next ones, which each sweep asks for, or at the next start."""
        were_left, reason = bool(self._left), None
        for blob in {*blobs, *self._left}:
            try:
                (self.path / blob).unlink(missing_ok=True)
                self._left.discard(blob)
            except OSError as error:
                self._left.add(blob)
                reason = error.strerror
        if reason and not were_left:
            log.error("outbox.files_not_erased", files=len(self._left), reason=reason)

    def _write(self, blob: str, chunks: Iterable[bytes]) -> None:
        with open(self.path / blob, "xb", opener=_open_private) as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, private.FILE)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
