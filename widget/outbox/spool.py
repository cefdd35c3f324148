"""A folder for the uploads that one process is receiving.

A killed process leaves its folder behind, but not its lock on it, so the next process that starts removes the folder.
"""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from widget.errors import ConfigurationError, Problem
from widget.outbox import private

_NAME = "incoming-"


class Spool:
    """This process's own folder in `parent`, which several processes share."""

    def __init__(self, parent: Path) -> None:
        self.path = parent / f"{_NAME}{uuid.uuid4().hex}"
        self._lock: int | None = None

    def open(self) -> None:
        """Create the folder, and remove those whose process has ended. Raises ConfigurationError."""
        try:
            private.own_folder(self.path.parent, "SPOOL", correct=False)
            with _locked(self.path.parent):  # so that nobody removes ours before it is locked
                self.path.mkdir(mode=private.FOLDER)
                self._lock = os.open(self.path, os.O_RDONLY)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                for other in self.path.parent.glob(f"{_NAME}*"):
                    _remove_unless_used(other)
        except OSError as error:
            where = error.filename or self.path
            raise ConfigurationError([Problem("SPOOL", f"{where} cannot be used: {error.strerror}")]) from None

    def close(self) -> None:
        """Remove the folder."""
        if self._lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


@contextlib.contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(handle)


def _remove_unless_used(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, BlockingIOError), _locked(folder, fcntl.LOCK_NB):
        shutil.rmtree(folder, ignore_errors=True)
