"""A process that has imported the modules of the widget's helpers, and forks each helper that a forked service starts.

A helper takes 0.15 s of processor time to start: nearly all of it imports the decoders of pictures and PDFs. The fork
server (see `forkserver`) forks this process before it imports anything else, so that a helper has the size of one that
was started, and none of the service's memory. It gets the arguments, environment, streams, limits and file mode mask
that `subprocess` would give it, and confines itself as ever.

One thing differs: a service cannot adopt a process that is none of its descendants, so its helpers remain children of
this one, which tells the service how they end. A service that has replaced itself starts helpers of its own.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_HELPER = ("-P", "-m", "widget.files.helper")
_LARGEST = 1 << 16
"""Bytes of a request."""
_LIMITS = range(16)
_PR_SET_PDEATHSIG = 1

_address = b""


class _Helper:
    """A helper that was forked, with the methods of `subprocess.Popen` that the widget uses."""

    def __init__(self, arguments: Sequence[str], stdin: int, env: Mapping[str, str], cwd: str) -> None:
        self.args = arguments
        self.returncode: int | None = None
        request = {
            "request": {"arguments": arguments[1:], "environ": {**env}, "folder": cwd},
            "limits": [resource.getrlimit(number) for number in _LIMITS],
            "umask": _umask(),
        }
        self._nursery = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._nursery.connect(_address)
            socket.send_fds(self._nursery, [json.dumps(request).encode()], [stdin, 2])
            pid, (self._process,), _, _ = socket.recv_fds(self._nursery, 64, 1)
        except BaseException:
            self._nursery.close()
            raise
        self.pid = int(pid)

    def poll(self) -> int | None:
        """The exit status, minus the signal's number where one ended it; None while it runs."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status. Raises subprocess.TimeoutExpired."""
        status = self._status(timeout)
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return status

    def kill(self) -> None:
        """SIGKILL, unless its end is known."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def _status(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._nursery.settimeout(timeout)
            with contextlib.suppress(TimeoutError, BlockingIOError):
                self.returncode = int(self._nursery.recv(64))
                self._nursery.close()
                os.close(self._process)
        return self.returncode


def _umask() -> int:
    """The file mode mask, without changing it meanwhile for other threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))


def _popen(arguments: Sequence[str], *, stdin: int, stdout: int, env: Mapping[str, str], cwd: str) -> Any:
    if (arguments[0], *arguments[1:4]) == (sys.executable, *_HELPER) and stdout == subprocess.DEVNULL:
        return _Helper(arguments, stdin, env, cwd)
    return subprocess.Popen(arguments, stdin=stdin, stdout=stdout, env=env, cwd=cwd)


def use() -> None:
    """Have this process's helpers forked."""
    from widget.files import pool

    vars(pool)["subprocess"] = SimpleNamespace(
        Popen=_popen, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired
    )


def start(inherited: socket.socket) -> dict[str, Any] | None:
    """Fork the process, which lasts as long as this one. Returns None; in a helper, what it is to run."""
    global _address
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind("")  # the system finds a name
        _address = listening.getsockname()
        listening.listen()
        parent = os.getpid()
        if os.fork():
            return None
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
        inherited.close()
        _preload()
        return _serve(listening)


def _preload() -> None:
    from widget.files import helper
    from widget.files.protocol import Rules

    helper._warm_up(Rules(max_pixels=1_000_000))
    del sys.modules[helper.__name__]  # a helper runs it as its main program
    gc.freeze()


def _serve(listening: socket.socket) -> dict[str, Any]:
    """Fork until the end, and tell services how their helpers ended. Returns, in a helper, what it is to run."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.data:
                    waiting.unregister(key.fd)
                    _tell_end(key.fd, *key.data)
                    continue
                service, _ = listening.accept()
                message, streams, _, _ = socket.recv_fds(service, _LARGEST, 2)
                if not message:
                    service.close()
                elif pid := os.fork():
                    waiting.register(_answer(service, pid, streams), selectors.EVENT_READ, (pid, service))
                else:
                    return _become(json.loads(message), streams)


def _answer(service: socket.socket, pid: int, streams: Sequence[int]) -> int:
    """Tell the service of the helper that was forked for it. Returns the helper's descriptor."""
    for stream in streams:
        os.close(stream)
    process = os.pidfd_open(pid)
    with contextlib.suppress(OSError):  # the service may have ended
        socket.send_fds(service, [b"%d" % pid], [process])
    return process


def _tell_end(process: int, pid: int, service: socket.socket) -> None:
    os.close(process)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError), service:
        service.send(b"%d" % status)


def _become(given: dict[str, Any], streams: Sequence[int]) -> dict[str, Any]:
    """Take what a child of the service would have inherited. All other descriptors are closed when it confines itself.
    Returns what it is to run."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number, stream in enumerate((streams[0], nowhere, streams[1])):
        os.dup2(stream, number)
    for number, limit in zip(_LIMITS, given["limits"], strict=True):
        resource.setrlimit(number, limit)
    os.umask(given["umask"])
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115 - ours has no buffer
    request: dict[str, Any] = given["request"]
    return request
