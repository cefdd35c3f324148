"""Checks files in helper processes: few and lasting, so that many uploads at once cost no more than a few.

Clients take turns (see `queueing`). A helper that fails, takes too long or has grown is replaced; a file on which it
failed counts as unreadable. `helper` is what runs in the process.
"""

import asyncio
import contextlib
import math
import os
import queue
import resource
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from widget.errors import OutboxUnavailable
from widget.files.protocol import (
    ANSWER,
    BARRIERS,
    NOTES,
    READY,
    REQUEST,
    SAME,
    VERDICTS,
    Barrier,
    Note,
    Rules,
    Verdict,
    of_bits,
)
from widget.files.queueing import FairQueue
from widget.files.threads import run_uncancellable
from widget.submissions.limits import MEDIA_TYPES
from widget.telemetry.counters import Amount, Key, counters
from widget.telemetry.gauges import gauges

T = TypeVar("T")
log = structlog.get_logger("widget.files")

_START = 30.0
"""Seconds that a helper may take to start. On two busy processors, it has taken three."""
_END = 0.5
"""Seconds that a helper may take to exit by itself."""
_JOBS = 1000
"""Files after which a helper is replaced, in case its libraries leak."""
_GROWN = 96 * 1024 * 1024
"""Bytes of resident memory above which a helper is replaced. Idle, it has 34 MB; after the largest photos, below 64."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The result. The file at the path is now `size` bytes long, and without its metadata."""

    verdict: Verdict
    size: int
    notes: tuple[Note, ...] = ()


class Content(Protocol):
    """Holds a file's bytes: a path, or an upload. Both raise OSError."""

    def read_bytes(self) -> bytes: ...
    def write_bytes(self, data: bytes, /) -> object: ...


class Examiner:
    """Checks files, `processes` at a time, each for `timeout` seconds at most after a wait of `patience` at most.

    A helper is started when a file needs it, which then waits 0.2 s longer. It lasts.
    """

    def __init__(self, rules: Rules, *, processes: int, timeout: float, patience: float) -> None:
        self._rules = rules
        self._timeout = timeout
        self._queue = FairQueue(processes, patience)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="files")
        self._idle: queue.LifoQueue[_Helper] = queue.LifoQueue()
        self._has_warned = False
        gauges.ask["helpers_memory_bytes"] = self.memory

    def memory(self) -> int:
        """Bytes of memory that the helpers occupy, but for those that are at work."""
        with self._idle.mutex:
            idle = list(self._idle.queue)
        return sum(helper.memory() for helper in idle)

    async def close(self) -> None:
        """End the helpers, and wait for the files that they are checking."""
        await asyncio.to_thread(self._threads.shutdown)
        while not self._idle.empty():
            self._idle.get_nowait().end()

    async def examine(self, file: Content, media_type: str, *, client: str) -> Seen:
        """Check the file, and replace it by what may be forwarded. Raises OutboxUnavailable, or FilesBusy, which is
        one.

        `client` is the sender; clients take turns. A check that has begun is finished even if it is cancelled, so that
        the caller's clean-up finds all that it wrote.
        """
        async with self._queue.place(client):
            began = time.monotonic()
            seen = await run_uncancellable(lambda: self._examine(file, media_type), self._threads)
            counters.add(Key("file", detail=seen.verdict), Amount(1, time.monotonic() - began))
            return seen

    def _examine(self, file: Content, media_type: str) -> Seen:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise OutboxUnavailable(f"an attachment cannot be read: {error.strerror}") from error
        helper = self._take_helper()
        try:
            seen, kept = helper.examine(data, media_type)
        except OSError as error:  # it ended, or took too long, which is a TimeoutError
            log.warning(
                "file.unexaminable", media_type=media_type, size=len(data), reason=repr(error), exit=helper.end()
            )
            self._start_another()
            return Seen("unreadable", len(data))
        except BaseException:
            helper.end()
            raise
        self._give_back(helper)
        if kept is not None:
            try:
                file.write_bytes(kept)
            except OSError as error:
                raise OutboxUnavailable(f"an attachment cannot be stored: {error.strerror}") from error
        return seen

    def _take_helper(self) -> "_Helper":
        """A helper that is ready. Raises OutboxUnavailable, because a file that cannot be checked is not accepted."""
        try:
            helper = self._idle.get_nowait()
            if helper.is_ready():
                return helper
            helper.end()
        except queue.Empty:
            pass
        try:
            helper = self._new_helper()
        except OSError as error:
            raise OutboxUnavailable(f"no process for checking files can be started: {error.strerror}") from error
        if not helper.is_ready():
            raise OutboxUnavailable(f"the process for checking files does not start: exit status {helper.end()}")
        if helper.missing and not self._has_warned:
            self._has_warned = True
            log.warning("file.checkers_less_confined", missing=helper.missing)
        return helper

    def _give_back(self, helper: "_Helper") -> None:
        if helper.jobs < _JOBS and helper.memory() <= _GROWN:
            self._idle.put(helper)
        else:
            helper.end()
            self._start_another()

    def _start_another(self) -> None:
        """Start one for the next file, so that its sender need not wait because of an earlier file."""
        with contextlib.suppress(OSError):
            self._idle.put(self._new_helper())

    def _new_helper(self) -> "_Helper":
        return _Helper(self._rules, self._timeout)


class _Helper:
    """One process, seen from our end of its socket."""

    def __init__(self, rules: Rules, timeout: float) -> None:
        self._timeout = timeout
        self._ready = False
        self.missing: tuple[Barrier, ...] = ()
        self.jobs = 0
        ours, theirs = socket.socketpair()
        self._most = rules.max_size
        arguments = (str(math.ceil(timeout)), *rules.words())
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                    [sys.executable, "-P", "-m", "widget.files.helper", *arguments],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env=_bare_environment(),
                    cwd="/",
                )
            except BaseException:
                ours.close()
                raise
        self._socket = ours

    def is_ready(self) -> bool:
        """Wait until it is ready. Returns False if it never will be."""
        with contextlib.suppress(OSError):
            if not self._ready:
                self._socket.settimeout(_START)
                if said := self._socket.recv(READY.size):
                    self._ready, self.missing = True, of_bits(READY.unpack(said)[0], BARRIERS)
        return self._ready and self._process.poll() is None

    def examine(self, data: bytes, media_type: str) -> tuple[Seen, bytes | None]:
        """Its result for the file, and the bytes to keep instead if they differ. Raises OSError.

        Nothing that it says is believed beyond what an honest answer could be.
        """
        self.jobs += 1
        deadline = _Deadline(self._socket, self._timeout)
        deadline.set()
        self._socket.sendall(REQUEST.pack(MEDIA_TYPES.index(media_type), len(data)))
        self._socket.sendall(data)
        verdict, notes, size = ANSWER.unpack(self._receive(ANSWER.size, deadline))
        if verdict >= len(VERDICTS) or (size != SAME and not 0 < size <= max(len(data), self._most)):
            raise ConnectionError("the answer is impossible")
        kept = None if size == SAME else self._receive(size, deadline)
        return Seen(VERDICTS[verdict], len(data) if kept is None else len(kept), of_bits(notes, NOTES)), kept

    def _receive(self, size: int, deadline: "_Deadline") -> bytes:
        data = bytearray()
        while len(data) < size:
            deadline.set()
            piece = self._socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise ConnectionResetError("the process ended")
            data += piece
        return bytes(data)

    def memory(self) -> int:
        """Bytes of memory that it occupies; 0 if the system does not tell."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text("ascii").split()[1]
        except OSError:
            return 0
        return int(pages) * resource.getpagesize()

    def end(self) -> int:
        """Hang up, and kill it unless it then exits by itself. Returns its exit status."""
        self._socket.close()
        try:
            return self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class _Deadline:
    """The deadline of a whole exchange, which the socket is given before each step."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._socket = connection
        self._end = time.monotonic() + seconds

    def set(self) -> None:
        """Allow the next step what is left. Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def _bare_environment() -> dict[str, str]:
    """What Python needs to find its modules, and nothing else, so that no secret of ours gets into the helper's."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
    return {"PYTHONPATH": path, "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
