"""What this process asks of the system: no memory in a dump, no file for others, as many connections as it may have.

A core dump, or another process of the same user, would read the client secret, access tokens and people's words.
"""

import contextlib
import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4


def keep_files_private() -> None:
    """Whatever this process and its children make on the disk, their user alone may read."""
    os.umask(0o077)


def harden() -> None:
    """No core dump, nobody's debugger, and the file limit raised as far as the system lets it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a libc without it: the limit above still holds
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
