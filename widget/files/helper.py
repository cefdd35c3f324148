"""The process that checks files: `python -m widget.files.helper SECONDS RULES…`.

It has no secrets, settings or paths. Bytes come and go over the one socket that it inherits. Once its libraries have
loaded all that they need, it gives up everything else (see `confinement`). A file can attack a decoder only here.
"""

import contextlib
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from widget.files.confinement import confine
from widget.files.examine import Examined, examine
from widget.files.protocol import ANSWER, BARRIERS, NOTES, READY, REQUEST, SAME, VERDICTS, Rules, to_bits
from widget.submissions.limits import MEDIA_TYPES

_PIXEL = 8
"""Bytes of memory for each pixel, at most: a progressive JPEG's coefficients take 6."""
_ROOM = 192 * 1024 * 1024
"""Bytes of memory for everything else."""
_SAMPLES = {
    "warm.jpg": "image/jpeg",
    "warm.png": "image/png",
    "warm.pdf": "application/pdf",
    "warm-encrypted.pdf": "application/pdf",
}
"""The last one may be read without its password, and makes qpdf ask for random numbers."""


def main() -> None:
    """Answer until the other side hangs up."""
    for asks_to_end in (signal.SIGINT, signal.SIGTERM):  # that is for the service, which then closes the socket
        signal.signal(asks_to_end, signal.SIG_IGN)
    seconds, rules = int(sys.argv[1]), Rules.of_words(sys.argv[2:])
    connection = socket.socket(fileno=0)
    _warm_up(rules)
    used = _memory_in_use()
    missing = confine(None if used is None else used + _ROOM + _PIXEL * rules.max_pixels)
    connection.sendall(READY.pack(to_bits(missing, BARRIERS)))
    with contextlib.suppress(ConnectionError):
        while head := _receive(connection, REQUEST.size):
            kind, size = REQUEST.unpack(head)
            data = _receive(connection, size)
            _allow_time(seconds)
            _answer(connection, data, _examine(data, MEDIA_TYPES[kind], rules))


def _examine(data: bytes, media_type: str, rules: Rules) -> Examined:
    try:
        return examine(data, media_type, rules)
    except (MemoryError, RecursionError):
        return Examined("unreadable")


def _answer(connection: socket.socket, data: bytes, found: Examined) -> None:
    verdict, notes = VERDICTS.index(found.verdict), to_bits(found.notes, NOTES)
    if found.data is None or found.data == data:
        connection.sendall(ANSWER.pack(verdict, notes, SAME))
    else:
        connection.sendall(ANSWER.pack(verdict, notes, len(found.data)))
        connection.sendall(found.data)


def _receive(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or none if the other side has hung up."""
    data = bytearray(size)
    view, read = memoryview(data), 0
    while read < size:
        count = connection.recv_into(view[read:])
        if not count:
            return b""
        read += count
    return bytes(data)


def _warm_up(rules: Rules) -> None:
    """Check a good and a bad file of each kind, so that everything that this needs is loaded and open."""
    for name, media_type in _SAMPLES.items():
        data = (Path(__file__).parent / "samples" / name).read_bytes()
        for sample in (data, data[: len(data) * 3 // 4], data[:16]):
            examine(sample, media_type, rules)


def _memory_in_use() -> int | None:
    """Bytes of address space; None if the system does not tell."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    return None


def _allow_time(seconds: int) -> None:
    """Allow the next file so many seconds of processor time. After that, the system ends this process."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds + 1, hard))


if __name__ == "__main__":
    main()
    os._exit(0)  # to take all modules apart would cost a fifth of what the start did
