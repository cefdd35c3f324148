"""Detects that the database file is no longer the one that was opened, and saves what can be saved.

If a file is deleted, truncated or replaced while a process has it open, the process can still write to it, but the rows
are lost when the process ends, although people were thanked for them.
"""

import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import structlog

from widget.errors import ConfigurationError, Problem
from widget.outbox import private

log = structlog.get_logger("widget.outbox")

_SAVED = "-saved-"
_PAGE_SIZE, _PAGE_COUNT = slice(16, 18), slice(28, 32)
"""Where a database header has these values (https://www.sqlite.org/fileformat2.html#the_database_header)."""

_Identity = tuple[int, int]


class Presence:
    """The file at `path` as it was when `opened` was called, and its write-ahead log as of the last call of
    `connected`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._descriptor: int | None = None
        self._file: _Identity | None = None
        self._log_file: _Identity | None = None
        self._size = 0

    def opened(self, descriptor: int) -> None:
        """Take the present file as the right one. The descriptor stays open until `close`.

        Closing any descriptor of a file drops all locks that this process has on it (POSIX). Without SQLite's locks,
        another process would think that nobody else uses the file and delete the write-ahead log. So the file is opened
        once, and closed only when no connection uses it any more.
        """
        self.close()
        self._descriptor = descriptor
        self._file = _identity(os.fstat(descriptor))

    def close(self) -> None:
        """Close the file. Only call this while no connection has it open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def connected(self) -> None:
        """A new connection may have started a new write-ahead log."""
        self._log_file = None

    def trouble(self) -> str | None:
        """What happened to the file; None if nothing did. Costs two stat calls."""
        try:
            found = self._path.stat()
            if _identity(found) != self._file:
                return f"{self._path} was replaced by another file while the service was running"
            # Before the log: whoever connects to an empty file takes its log for a stale one and deletes it.
            if found.st_size < self._size and self._is_cut():
                return f"{self._path} was truncated while the service was running"
            log_file = _identity(self._log.stat()) if self._log_file else None
        except FileNotFoundError as error:
            return f"{error.filename} was deleted while the service was running"
        except OSError as error:
            return f"{error.filename} cannot be looked at: {error.strerror}"
        if log_file != self._log_file:
            return f"{self._log} was replaced by another file while the service was running"
        self._size = found.st_size
        if self._log_file is None and self._log.exists():
            self._log_file = _identity(self._log.stat())
        return None

    def _is_cut(self) -> bool:
        """Whether the file is shorter than its header says. VACUUM shortens the file, but updates the header, too."""
        assert self._descriptor is not None  # noqa: S101
        header = os.pread(self._descriptor, 100, 0)
        size = int.from_bytes(header[_PAGE_SIZE], "big")
        pages = int.from_bytes(header[_PAGE_COUNT], "big")
        return len(header) < 100 or self._path.stat().st_size < pages * (size if size > 1 else 65536)


def save(connection: Any, path: Path) -> Path | None:
    """Write what an open `connection` still holds to a new file beside `path`; None if it holds nothing.

    What a truncated file has lost stays lost. In that case at least the write-ahead log is kept.
    """
    target = path.with_name(f"{path.name}{_SAVED}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    if not path.parent.is_dir():  # a connection would create a new file here, in the way of one that comes back
        return None
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, private.FILE))
        if connection is not None and _copy(connection, target):
            return target
        target.unlink()
        log_file = path.with_name(f"{path.name}-wal")
        if log_file.exists() and log_file.stat().st_size:
            return Path(shutil.copy2(log_file, f"{target}-wal"))
    except OSError as error:
        log.error("outbox.not_saved", reason=f"{error.filename}: {error.strerror}")
    return None


def _copy(connection: Any, target: Path) -> bool:
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
        return bool(connection.execute("SELECT count(*) FROM submission").fetchone())
    except sqlite3.Error as error:
        log.error("outbox.not_saved", reason=str(error))
        return False


def check_not_lost(path: Path) -> None:
    """Raises ConfigurationError if an outbox was saved beside `path`, and `path` itself is missing or empty.

    Starting a new outbox would hide the rows that wait in the saved one.
    """
    if path.exists() and path.stat().st_size:
        return
    if saved := sorted(path.parent.glob(f"{path.name}{_SAVED}*")):
        words = (
            f"{path} is missing, but {saved[-1].name} was saved when it was lost: move that to {path}; or move it "
            "elsewhere, to begin a new outbox"
        )
        raise ConfigurationError([Problem("DATABASE_URL", words)])


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino
