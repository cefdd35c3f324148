"""Confines the process that checks files, before it reads the first one: no files, connections, programs or signals.

Whoever takes over a decoder gets its memory, one socket and processor time until the deadline, and nothing else. There
are several barriers, because not every system has all of them: limits, no new privileges, a user without rights,
Landlock (https://docs.kernel.org/userspace-api/landlock.html) and a seccomp filter
(https://docs.kernel.org/userspace-api/seccomp_filter.html). The bindings for the last two need a system library that is
often missing, so the calls are made here: an empty Landlock ruleset, and a list of the system calls that are allowed.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from widget.files.protocol import Barrier

_NO_NEW_PRIVILEGES, _SET_FILTER, _TO_ALL_THREADS = 38, 1, 1
_CREATE_RULESET, _RESTRICT_SELF, _VERSION = 444, 446, 1
_NOBODY = 65_534

_LANDLOCK_FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
"""The file rights that each version of Landlock knows. Later versions add none that matters here."""
_LANDLOCK_TCP, _LANDLOCK_SCOPES = 0b11, 0b11
"""Binding and connecting; abstract sockets and signals."""

_LOAD, _EQUALS, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
"""Operations of a filter: load a word, compare it, test its bits, return."""
_ALLOW, _DENY = 0x7FFF_0000, 0x0005_0000 | errno.EPERM
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where a filter finds the call's number, its convention, and its arguments."""
_EXECUTABLE, _ANYBODY = 4, 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class _Machine:
    """The numbers of the allowed calls. `guarded` ones are allowed unless an argument has one of some bits."""

    architecture: int
    seccomp: int
    allowed: tuple[int, ...]
    guarded: Mapping[int, tuple[int, int]]


# In order: read, close, munmap, brk, rt_sigaction, rt_sigprocmask, rt_sigreturn, sched_yield, mremap, madvise, sendto,
# recvfrom, exit, getcwd, gettimeofday, getrusage, sigaltstack, futex, restart_syscall, clock_gettime, clock_getres,
# exit_group, getrandom. Pillow asks for the working folder when it encodes a picture, and qpdf reads random numbers for
# some encrypted PDFs. Guarded: no memory becomes a program (mmap, mprotect), no other process gets limits (prlimit64).
_MACHINES = {
    "x86_64": _Machine(
        0xC000_003E,
        317,
        (0, 3, 11, 12, 13, 14, 15, 24, 25, 28, 44, 45, 60, 79, 96, 98, 131, 202, 219, 228, 229, 231, 318),
        {9: (2, _EXECUTABLE), 10: (2, _EXECUTABLE), 302: (0, _ANYBODY)},
    ),
    "aarch64": _Machine(
        0xC000_00B7,
        277,
        (63, 57, 215, 214, 134, 135, 139, 124, 216, 233, 206, 207, 93, 17, 169, 165, 132, 98, 128, 113, 114, 94, 278),
        {222: (2, _EXECUTABLE), 226: (2, _EXECUTABLE), 261: (0, _ANYBODY)},
    ),
}


def confine(memory: int | None) -> tuple[Barrier, ...]:
    """Give up everything but `memory` bytes of address space. Returns the barriers that are not available.

    All modules that the process needs have to be loaded. A barrier that the system does not support is left out; the
    others still hold.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _close_all_but_random_numbers()
    _become_nobody()
    system = _System()
    system.forgo_privileges()
    missing: list[Barrier] = [] if system.restrict_by_landlock() else ["landlock"]
    _limit(memory)
    if not system.filter_calls():
        missing.append("seccomp")
    return tuple(missing)


def _close_all_but_random_numbers() -> None:
    """qpdf opens their device once, while the process can, and reads from it later."""
    device = None
    with contextlib.suppress(OSError):
        device = os.stat("/dev/urandom").st_rdev
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            if os.fstat(descriptor).st_rdev != device:
                os.close(descriptor)


def _become_nobody() -> None:
    """Root's rights exceed any limit. In a container, root may be unable to become somebody else."""
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)


def _limit(memory: int | None) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 0,  # with 3, closing one of the three would allow to open another file in its place
    }
    if memory is not None:
        limits[resource.RLIMIT_AS] = memory
    for kind, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


class _System:
    """System calls for which Python has no functions. They work on Linux only."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def forgo_privileges(self) -> None:
        """No program that this process might run gets more rights than it has."""
        with contextlib.suppress(AttributeError):
            self._libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)

    def restrict_by_landlock(self) -> bool:
        """A ruleset handles every right that Landlock knows, and grants none."""
        version = self._call(_CREATE_RULESET, None, 0, _VERSION)
        if version < 1:
            return False
        rights = (
            _LANDLOCK_FILES.get(version, _LANDLOCK_FILES[5]),
            _LANDLOCK_TCP if version >= 4 else 0,
            _LANDLOCK_SCOPES if version >= 6 else 0,
        )
        attributes = struct.pack("=QQQ", *rights)
        ruleset = self._call(_CREATE_RULESET, attributes, len(attributes), 0)
        if ruleset < 0:
            return False
        restricted = self._call(_RESTRICT_SELF, ruleset, 0) == 0
        os.close(ruleset)
        return restricted

    def filter_calls(self) -> bool:
        """From now on, the kernel refuses every call that is not on the list as not permitted."""
        machine = _MACHINES.get(platform.machine())
        if machine is None:
            return False
        instructions = b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(machine))
        program = ctypes.create_string_buffer(instructions, len(instructions))
        described = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(program))
        return self._call(machine.seccomp, _SET_FILTER, _TO_ALL_THREADS, described) == 0

    def _call(self, *arguments: int | bytes | None) -> int:
        with contextlib.suppress(AttributeError):
            return int(self._libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))
        return -1


def _program(machine: _Machine) -> Iterator[tuple[int, int, int, int]]:
    """The filter: operation, instructions to skip if true and if false, operand."""
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _EQUALS, 1, 0, machine.architecture
    yield _RETURN, 0, 0, _DENY  # calls by another convention have other numbers
    yield _LOAD, 0, 0, _NUMBER
    for number in machine.allowed:
        yield _EQUALS, 0, 1, number
        yield _RETURN, 0, 0, _ALLOW
    for number, (argument, bits) in machine.guarded.items():
        yield _EQUALS, 0, 4, number
        yield _LOAD, 0, 0, _ARGUMENTS + 8 * argument
        yield _ANY_BIT, 0, 1, bits
        yield _RETURN, 0, 0, _DENY
        yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _DENY
