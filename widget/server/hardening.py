"""Hardens this process: no core dumps, private files, no debugger, and a high limit of open files.

A core dump, or another process of the same user, could otherwise reveal the client secret, access tokens and feedback.
"""

import contextlib
import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4


def keep_files_private() -> None:
    """Make files that this process and its children create readable by their user only."""
    os.umask(0o077)


def harden() -> None:
    """Forbid core dumps and debuggers, and raise the limit of open files as far as the system allows."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # without prctl in libc, the limit above still holds
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
