"""Gives memory that is no longer used back to the system."""

import contextlib
import ctypes


def give_back() -> None:
    """Return what the allocator keeps for later. Nothing happens where the C library has no `malloc_trim`."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
