"""A folder of one process for uploads that are still coming in.

A process that was killed leaves them behind; its lock on the folder goes with it, so the next that starts removes them.
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
    """A folder of this process's own in `parent`, which several processes share."""

    def __init__(self, parent: Path) -> None:
        self.path = parent / f"{_NAME}{uuid.uuid4().hex}"
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folder, and remove those whose process is gone. Raises ConfigurationError."""
        try:
            private.own_folder(self.path.parent, "SPOOL", correct=False)
            with _locked(self.path.parent):  # so that nobody finds ours between the making and the locking
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
