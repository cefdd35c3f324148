"""Hardens this process: no core dumps, private files, no debugger, a high limit of open files, and little memory.

A core dump, or another process of the same user, could otherwise reveal the client secret, access tokens and feedback.
"""

import contextlib
import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4
_M_ARENA_MAX = -8
_HEAPS = 2


def keep_files_private() -> None:
    """Make files that this process and its children create readable by their user only."""
    os.umask(0o077)


def harden() -> None:
    """Forbid core dumps and debuggers, raise the limit of open files as far as the system allows, and bound the memory
    that the allocator keeps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # without prctl in libc, the limit above still holds
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _share_heaps()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _share_heaps() -> None:
    """Have all threads share a few heaps (mallopt(3)), where the C library is glibc. Else each thread would have a heap
    of its own and keep there what it freed: a fifth of the memory while hundreds of uploads arrive."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)
