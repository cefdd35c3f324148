"""Insider Connect as a server on raw sockets, which does what no well-behaved library can.

Token, create and attach are answered as documented until a test replaces one by a behaviour: a function that gets the
connection once a request has been read, and may do anything with it.
"""

import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

Behaviour = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
GZIP_HEAD = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"
"""RFC 1952, section 2.3; what follows it is deflated."""
TOKEN = {"access_token": "t0k3n", "token_type": "Bearer", "expires_in": 3599, "scope": "feedback.write"}
CREATED = {"isSuccess": True, "data": 32, "errors": None, "requestId": "x"}


def whole(content: object, status: int = 201) -> bytes:
    """A whole answer."""
    body = json.dumps(content).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def drip(connection: socket.socket) -> None:
    """A byte of the head every now and then, for ever."""
    while True:
        connection.sendall(b"H")
        time.sleep(0.05)


def reset(connection: socket.socket) -> None:
    """Half a head, then RST."""
    connection.sendall(HEAD[:30])
    time.sleep(0.05)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def endless(connection: socket.socket) -> None:
    """An endless body, as fast as it is read, up to 2 GB."""
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    for _ in range(2000):
        connection.sendall(chunk)


def endless_head(connection: socket.socket) -> None:
    """An endless head, up to 2 GB."""
    connection.sendall(HEAD)
    for _ in range(2000):
        connection.sendall(b"X-Padding: " + b"x" * 0x100000)


def too_short(connection: socket.socket) -> None:
    """A length greater than the body, and the end of the connection."""
    body = json.dumps(CREATED).encode()
    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body) + 10, body))


def bodiless(connection: socket.socket) -> None:
    """A head that announces a body, and nothing more."""
    connection.sendall(HEAD + b"Content-Length: 10\r\n\r\n")
    silent(connection)


def too_long(connection: socket.socket) -> None:
    """A length smaller than the body, so the rest would be the beginning of the next answer."""
    body = json.dumps(CREATED).encode()
    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body) - 10, body))


def silent(connection: socket.socket) -> None:
    """No answer, until the client hangs up."""
    while connection.recv(1024):
        pass


def answering(raw: bytes) -> Behaviour:
    """Exactly these bytes."""
    return lambda connection: connection.sendall(raw)


class Wire:
    """The server, on a free port of 127.0.0.1, with `tls` if given."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self.port}"
        self.behaviours: dict[str, Behaviour] = {}
        self.counts: Counter[str] = Counter()
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in [self._listening, *self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def behave(self) -> None:
        """As documented, from now on."""
        self.behaviours.clear()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            while self._answer(connection):
                pass
        with suppress(OSError):
            connection.close()

    def _answer(self, connection: socket.socket) -> bool:
        kind = _read_request(connection)
        self.counts[kind] += 1
        if behaviour := self.behaviours.get(kind):
            behaviour(connection)
            return False
        connection.sendall(whole(TOKEN, 200) if kind == "token" else whole(CREATED, 201))
        return True


def _read_request(connection: socket.socket) -> str:
    """Read a whole request, and answer it."""
    raw = bytearray()

    def more() -> None:
        received = connection.recv(0x10000)
        if not received:
            raise EOFError
        raw.extend(received)

    while b"\r\n\r\n" not in raw:
        more()
    head, _, _ = bytes(raw).partition(b"\r\n\r\n")
    fields: dict[bytes, Any] = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if length := fields.get(b"content-length"):
        while len(raw) < len(head) + 4 + int(length):
            more()
    else:
        while not raw.endswith(b"0\r\n\r\n"):
            more()
    path = head.split(b" ")[1]
    return {b"/connect/token": "token", b"/api/client/feedbacks": "create"}.get(path, "attach")
