"""How much of a request's body is read: what the application asks for, and nothing ahead of it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from bed import FACT, until
from starlette.types import Receive, Scope, Send

from widget.server import protocol
from widget.server.connections import Connections

MIB = 1024 * 1024
BEGINNING, MOST = len(protocol._BEGINNING), len(protocol._BUFFER)


@dataclass
class Reader:
    """An application that takes a body when the test says so, and looks what else the process has of it."""

    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    before: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    ahead: list[int] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    server: uvicorn.Server = None  # type: ignore[assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.goes_on.wait()
        self.behind.append(max(len(connection.pipeline) for connection in self.connections()))
        self.before.append(self.kept())
        more = True
        while more:
            message = await receive()
            self.taken.append(len(message["body"]))
            for _ in range(20):  # turns of the loop, in which it could read on
                await asyncio.sleep(0)
            self.ahead.append(self.kept())
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def kept(self) -> int:
        """Bytes of bodies that were read and not taken."""
        return sum(len(connection.cycle.body) for connection in self.connections() if connection.cycle)

    def connections(self) -> list[Any]:
        return list(self.server.server_state.connections)


@pytest.fixture(params=["uvloop", "asyncio"])
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    """The application behind the service's protocol, on a free port."""
    app = Reader()
    http = protocol.protocol(FACT, Connections(0))
    config = uvicorn.Config(app, http=http, ws="none", lifespan="off", log_config=None, loop=request.param, port=0)
    app.server = uvicorn.Server(config)
    thread = threading.Thread(target=app.server.run)
    thread.start()
    until(lambda: app.server.started)
    yield app
    app.server.should_exit = True
    thread.join()


def connect(reader: Reader) -> socket.socket:
    (server,) = reader.server.servers
    return socket.create_connection(server.sockets[0].getsockname(), FACT)


def go_on(reader: Reader) -> None:
    (server,) = reader.server.servers
    server.get_loop().call_soon_threadsafe(reader.goes_on.set)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_is_read_as_it_is_asked_for(reader: Reader, framing: str) -> None:
    body = b"x" * (3 * MIB)
    with connect(reader) as connection:
        named = f"Content-Length: {len(body)}" if framing == "length" else "Transfer-Encoding: chunked"
        framed = body if framing == "length" else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        message = f"POST / HTTP/1.1\r\nHost: x\r\n{named}\r\n\r\n".encode() + framed
        sending = threading.Thread(target=connection.sendall, args=[message])
        sending.start()
        until(lambda: [each.flow.read_paused for each in reader.connections()] == [True])
        go_on(reader)
        assert connection.recv(4096).startswith(b"HTTP/1.1 204")
        sending.join()
    assert 0 < reader.before[0] <= BEGINNING
    assert sum(reader.taken) == len(body)
    assert max(reader.taken) <= MOST
    assert set(reader.ahead) == {0}


def test_a_body_that_nobody_takes_does_not_hold_up_the_next_request(reader: Reader) -> None:
    go_on(reader)
    with connect(reader) as connection:
        for size in (3 * MIB, 100, 0):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
            assert connection.recv(4096).startswith(b"HTTP/1.1 204")
    assert sum(reader.taken) == 3 * MIB + 100


def test_requests_that_come_together_are_answered_in_turn(reader: Reader) -> None:
    go_on(reader)
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000
    with connect(reader) as connection:
        connection.sendall(3 * one)
        answers = b""
        while answers.count(b"HTTP/1.1 204") < 3:
            answers += connection.recv(4096)
    assert sum(reader.taken) == 120_000


def answers_of(connection: socket.socket) -> int:
    """How many answers come until the server ends the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received.count(b"HTTP/1.1 204")


def sent_together(reader: Reader, requests: bytes) -> int:
    """The number of answers to requests that are all sent before anybody reads an answer."""
    with connect(reader) as connection:

        def send() -> None:
            with suppress(OSError):
                connection.sendall(requests)

        sending = threading.Thread(target=send)
        sending.start()
        until(lambda: [each.flow.read_paused for each in reader.connections()] == [True])
        go_on(reader)
        count = answers_of(connection)
        sending.join()
        return count


def test_of_requests_that_come_together_few_are_read_before_their_turn(reader: Reader) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (b"x" * 1000)
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert sent_together(reader, one * 500 + last) == 501
    assert 0 < max(reader.behind) <= BEGINNING / len(one)


def test_a_connection_that_brings_too_many_requests_at_once_ends_after_the_first(reader: Reader) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert 0 < sent_together(reader, one * 5000) <= protocol.MAX_WAITING + 1
    assert max(reader.behind) == protocol.MAX_WAITING
