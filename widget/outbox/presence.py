"""Whether a database file is still the one that was opened, and what can be saved when it is not.

A file that is deleted, truncated or replaced while a process has it open can still be written: into nowhere. The rows
would be gone with the process, although people were thanked for them.
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
"""Where a database's header has them (https://www.sqlite.org/fileformat2.html#the_database_header)."""

_Identity = tuple[int, int]


class Presence:
    """The file at `path` as it was when `opened` was called, and its write-ahead log as of the last `connected`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._descriptor: int | None = None
        self._file: _Identity | None = None
        self._log_file: _Identity | None = None
        self._size = 0

    def opened(self, descriptor: int) -> None:
        """This is the file, from now on. The descriptor is ours until `close`.

        Closing any descriptor of a file takes away all locks that this process has on it (POSIX). Without SQLite's,
        another process takes itself for the last and deletes the write-ahead log. So the file is opened once, and
        closed only when nobody uses it any more.
        """
        self.close()
        self._descriptor = descriptor
        self._file = _identity(os.fstat(descriptor))

    def close(self) -> None:
        """Let go of the file. Only while no connection has it open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def connected(self) -> None:
        """A new connection may have begun a new write-ahead log."""
        self._log_file = None

    def trouble(self) -> str | None:
        """What became of the file; None if nothing did. It costs two calls of stat."""
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
        """Whether the file is shorter than its header says. VACUUM makes it shorter, and its header too."""
        assert self._descriptor is not None  # noqa: S101
        header = os.pread(self._descriptor, 100, 0)
        size = int.from_bytes(header[_PAGE_SIZE], "big")
        pages = int.from_bytes(header[_PAGE_COUNT], "big")
        return len(header) < 100 or self._path.stat().st_size < pages * (size if size > 1 else 65536)


def save(connection: Any, path: Path) -> Path | None:
    """Write what an open `connection` of sqlite3 still holds to a new file beside `path`; None if that is nothing.

    What a truncated file has lost is lost; then at least the write-ahead log is kept.
    """
    target = path.with_name(f"{path.name}{_SAVED}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    if not path.parent.is_dir():  # made anew, it would be in the way of the one that comes back
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
    """Raises ConfigurationError where an outbox was saved beside `path`, and `path` itself is missing or empty.

    To begin a new outbox then would hide the rows that wait in the other one.
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
