"""Programs that tests start: forked from one process that has imported the widget already (see `forkserver`), or, for
what that cannot be, started as `subprocess` does.
"""

import atexit
import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import forkserver

_PR_SET_CHILD_SUBREAPER = 36
_INTERPRETER = ("PYTHON", "LC_", "LANG")
"""What an interpreter reads from its environment when it starts."""


class Child(Protocol):
    """What tests use of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Forked:
    """A child of this process that another one forked, with the methods of `subprocess.Popen`."""

    def __init__(self, pid: int, arguments: Sequence[str]) -> None:
        self.pid = pid
        self.args = arguments
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit status, minus the signal's number where one ended it; None while it runs."""
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status. Raises subprocess.TimeoutExpired."""
        if self.poll() is None:
            ending = os.pidfd_open(self.pid)
            try:
                waiting = select.poll()
                waiting.register(ending, select.POLLIN)
                waiting.poll(None if timeout is None else timeout * 1000)
            finally:
                os.close(ending)
        status = self.poll()
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return status

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Server:
    """The process that forks."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = _read_at_start(environ)
        self._lock = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._popen = subprocess.Popen(
                [sys.executable, forkserver.__file__, str(theirs.fileno())], env=environ, pass_fds=[theirs.fileno()]
            )

    def can(self, arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
        """Whether a fork is the same as what the arguments start."""
        return arguments[0] == sys.executable and _read_at_start(environ) == self._environ

    def fork(
        self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], streams: Sequence[IO[bytes]]
    ) -> Forked:
        """Fork a child with these standard streams."""
        request = {"arguments": [*map(str, arguments[1:])], "environ": {**environ}, "folder": str(folder)}
        with self._lock, _subreaper():
            socket.send_fds(self._ours, [json.dumps(request).encode()], [stream.fileno() for stream in streams])
            pid, adopted = self._ours.recv(64), self._ours.recv(64)
        assert adopted == forkserver.ADOPTED, "the fork server ended"
        return Forked(int(pid), arguments)

    def close(self) -> None:
        """End it."""
        self._ours.close()
        self._popen.wait(10)


@contextlib.contextmanager
def _subreaper() -> Any:
    """While this lasts, orphans among our descendants become our children."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _read_at_start(environ: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_INTERPRETER)}


_server: _Server | None = None


def fork_from_now_on(environ: Mapping[str, str]) -> None:
    """Start no more interpreters, where the system lets us; `environ` is what the programs' environment begins with."""
    global _server
    if sys.platform == "linux" and _server is None:
        _server = _Server(environ)
        atexit.register(_server.close)


def start(
    arguments: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    *,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes],
    stderr: IO[bytes] | None = None,
) -> Child:
    """A program with these streams; standard input is empty unless given, standard error goes where output goes."""
    with contextlib.ExitStack() as stack:
        streams = (stdin or stack.enter_context(open(os.devnull, "rb")), stdout, stderr or stdout)
        if _server and _server.can(arguments, environ):
            return _server.fork(arguments, folder, environ, streams)
        given, out, err = streams
        return subprocess.Popen(arguments, cwd=folder, env=dict(environ), stdin=given, stdout=out, stderr=err)


def run(
    arguments: Sequence[str], folder: Path, environ: Mapping[str, str], *, typed: str = "", timeout: float = 180
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, with `typed` as its input, and keep what it wrote."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(typed.encode())
        given.seek(0)
        child = start(arguments, folder, environ, stdin=given, stdout=out, stderr=err)
        try:
            status = child.wait(timeout)
        finally:
            child.kill()
            child.wait(timeout)
        outputs = []
        for stream in (out, err):
            stream.seek(0)
            outputs.append(stream.read().decode())
    return subprocess.CompletedProcess(arguments, status, *outputs)
