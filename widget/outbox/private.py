"""Files and folders that only this process's user may read.

New ones are created that way. Existing ones that are open to others are corrected and logged. A folder that belongs to
another user is never used: its owner could read or replace everything in it.
"""

import os
import stat
from pathlib import Path

import structlog

from widget.errors import ConfigurationError, Problem

log = structlog.get_logger("widget.outbox")

FILE, FOLDER = 0o600, 0o700
"""The modes of everything that holds what people said."""


def own_folder(path: Path, setting: str, *, correct: bool = True) -> None:
    """Create a folder, or make sure that only this user can access an existing one. With `correct`, wrong rights are
    corrected; otherwise such a folder is refused. Raises ConfigurationError that names `setting`, or OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=FOLDER)
    except FileExistsError:
        _check_owner(path, setting)
        if correct:
            close_to_others(path)
        elif open_to_others(path):
            words = f"{path} can be entered by others: `chmod 700 {path}`, or name another folder"
            raise ConfigurationError([Problem(setting, words)]) from None


def close_to_others(path: Path) -> None:
    """Remove everybody else's rights to a file or folder, if it exists. If it belongs to another user, only log it."""
    try:
        found = path.lstat()
        wanted = FOLDER if stat.S_ISDIR(found.st_mode) else FILE
        if stat.S_ISLNK(found.st_mode) or not _is_open(found.st_mode):
            return
        path.chmod(wanted)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning("outbox.open_to_others", path=str(path), mode=_octal(found.st_mode))
    else:
        log.warning("outbox.mode_corrected", path=str(path), was=_octal(found.st_mode), now=_octal(wanted))


def open_to_others(path: Path) -> bool:
    """Whether anybody but the owner has rights to `path`."""
    return _is_open(path.stat().st_mode)


def _check_owner(path: Path, setting: str) -> None:
    found = path.lstat()  # a link could lead anywhere
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigurationError([Problem(setting, f"{path} is no folder")])
    # The owner of the parent folder could replace it at any time, and is trusted: commands may run as root.
    if found.st_uid not in (os.geteuid(), path.parent.stat().st_uid):
        words = f"{path} belongs to another user, who could read what is put there: remove it, or name another folder"
        raise ConfigurationError([Problem(setting, words)])


def _is_open(mode: int) -> bool:
    return bool(stat.S_IMODE(mode) & 0o077)


def _octal(mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o}"
