"""Connections through a socket: how many a client may open, how slow a body may be, and when an answer comes."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest
import uvicorn
from bed import FACT, Sandbox, Widget, adjusted, until
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from widget.server.connections import Connections
from widget.server.forwarded import believed
from widget.server.protocol import protocol

MIB = 1024 * 1024


@contextmanager
def connected(widget: Widget, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A connection from one of this machine's own addresses."""
    with socket.create_connection(("127.0.0.1", widget.port), timeout=30, source_address=(source, 0)) as connection:
        yield connection


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    """Status and body of the only answer, read until the server closes."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def health_from(widget: Widget, source: str) -> int:
    with connected(widget, source) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return answer_of(connection)[0]


def head(widget: Widget, length: int) -> bytes:
    return (
        f"POST /form/demo HTTP/1.1\r\nHost: 127.0.0.1:{widget.port}\r\nAccept: application/json\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_one_client_cannot_hold_more_connections_than_its_share(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(CONNECTIONS_PER_CLIENT="5")
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connected(widget, "127.0.0.2"))
        extra = stack.enter_context(connected(widget, "127.0.0.2"))
        status, problem = answer_of(extra)
        assert (status, problem["errors"][0]["code"]) == (429, "rate_limited")
        assert health_from(widget, "127.0.0.3") == 200
    assert '"limit": "CONNECTIONS_PER_CLIENT"' in widget.log()
    assert "127.0.0.2" not in widget.log()
    assert until(lambda: health_from(widget, "127.0.0.2") == 200)


def test_a_trusted_proxy_may_hold_any_number(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(CONNECTIONS_PER_CLIENT="2", TRUSTED_PROXIES="127.0.0.0/8")
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connected(widget))
        assert httpx.get(f"{widget.url}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize("addresses", [["192.0.2.1"] * 3, ["2001:db8::1", "2001:db8::2", "2001:db8::3"]])
def test_addresses_of_one_household_are_one_client(addresses: list[str]) -> None:
    connections = Connections(2)
    opened = [connections.opened(address) for address in addresses]
    assert None not in opened[:2]
    assert opened[2] is None
    connections.closed(opened[0] or ())
    assert connections.opened(addresses[2]) is not None


def test_a_site_with_many_households_has_a_share_too() -> None:
    connections = Connections(2)
    opened = [connections.opened(f"2001:db8:1:{household:x}::1") for household in range(9)]
    assert opened[-1] is None
    assert None not in opened[:-1]
    assert connections.opened("2001:db8:2::1") is not None
    connections.closed(opened[0] or ())
    assert connections.opened("2001:db8:1:ffff::1") is not None


def test_a_body_that_trickles_is_ended(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(command=adjusted("widget.server.protocol.RATE_PERIOD=0.3"))
    with connected(widget) as connection:
        connection.sendall(head(widget, 1000) + b"--b\r\n")
        status, problem = answer_of(connection)
    assert (status, problem["errors"][0]["code"]) == (408, "malformed")
    assert '"code": "malformed", "status": 408' in widget.log()


def test_a_length_over_every_limit_is_answered_before_the_body_comes(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(READ_TIMEOUT="600")
    for length in (1 << 40, 25 * MIB):
        with connected(widget) as connection:
            connection.sendall(head(widget, length))
            status, problem = answer_of(connection)
        assert status == 413
        assert [error["code"] for error in problem["errors"]] == ["request_too_large"]


def test_a_client_that_goes_on_sending_after_such_an_answer_still_gets_it(widget: Widget) -> None:
    with connected(widget) as connection:
        connection.sendall(head(widget, 1 << 30))
        for _ in range(32):  # more than any buffer holds
            connection.sendall(bytes(MIB))
        connection.shutdown(socket.SHUT_WR)
        assert answer_of(connection)[0] == 413


def test_a_client_that_sends_all_of_a_body_that_is_far_too_large_gets_the_answer(
    widget: Widget, insider: Sandbox
) -> None:
    parts: dict[str, Any] = {"token": (None, widget.token()), "files": ("a.png", bytes(60 * MIB), "image/png")}
    answer = widget.client.post("/form/demo", files=parts, headers={"Accept": "application/json"})
    assert answer.status_code == 413
    assert insider.counts()["create"] == 0


@pytest.mark.parametrize(
    ("peer", "said", "seen"),
    [
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("2001:db8::1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("2001:db8::2", "203.0.113.7", "2001:db8::2"),
        ("10.0.0.1", "203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "::ffff:203.0.113.7, 10.0.0.2", "203.0.113.7"),
    ],
)
async def test_a_proxy_is_known_by_its_address_whatever_kind_of_socket_it_comes_to(
    peer: str, said: str, seen: str
) -> None:
    proxies, clients = ["10.0.0.0/8", "2001:db8::1"], asyncio.Queue[str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clients.put_nowait(scope["client"][0])

    http = protocol(FACT, Connections(5, proxies))
    config = uvicorn.Config(believed(app, proxies), http=http, ws="none", lifespan="off", log_config=None)
    connection = http(config=config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop())
    transport = MagicMock(is_closing=lambda: False)
    transport.get_extra_info("socket").getpeername.return_value = (peer, 40000, 0, 0)
    with capture_logs() as logged:
        connection.connection_made(transport)
        request = f"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {said}\r\n\r\n".encode()
        connection.get_buffer(-1)[: len(request)] = request
        connection.buffer_updated(len(request))
        client = await clients.get()
    connection.connection_lost(None)
    assert client == seen
    assert [each["event"] for each in logged] == ["proxy.untrusted"] * (seen not in said)
