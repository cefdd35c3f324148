"""Clients take turns, whatever the number of their connections."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from bed import FACT, Widget, proc_state, until
from starlette.types import Receive, Scope, Send

from widget.web.rotation import InTurn, Rotation

SITE = ["2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"]


class Begun:
    """An application that notes from where each request came that it begins with."""

    def __init__(self) -> None:
        self.clients: list[str] = []
        self.app = InTurn(self, Rotation())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.clients.append(scope["client"][0])

    def ask(self, *addresses: str) -> Sequence[asyncio.Task[None]]:
        """Requests that come at once."""
        scopes = [{"type": "http", "client": (address, 1)} for address in addresses]
        return [asyncio.create_task(self.app(scope, None, None)) for scope in scopes]  # type: ignore[arg-type]


async def test_a_newcomer_waits_for_one_request_of_each_client_not_for_all() -> None:
    begun = Begun()
    requests = [*begun.ask(*["192.0.2.1"] * 9, *SITE), *begun.ask("192.0.2.2")]
    await asyncio.gather(*requests)
    assert begun.clients[:6] == ["192.0.2.1", "192.0.2.1", SITE[0], "192.0.2.2", "192.0.2.1", SITE[1]]
    assert begun.clients[8:] == ["192.0.2.1"] * 5


async def test_one_request_at_most_begins_in_each_round_of_the_event_loop() -> None:
    begun = Begun()
    requests = begun.ask(*["192.0.2.1"] * 5)
    counts = [0]
    while not all(request.done() for request in requests):
        await asyncio.sleep(0)
        counts.append(len(begun.clients))
    assert max(after - before for before, after in pairwise(counts)) == 1


async def test_a_request_that_is_cut_off_while_it_waits_leaves_its_turn_to_the_next() -> None:
    begun = Begun()
    requests = begun.ask("192.0.2.1", "192.0.2.2", "192.0.2.3")
    await asyncio.sleep(0)
    requests[1].cancel()
    await asyncio.wait(requests)
    assert begun.clients == ["192.0.2.1", "192.0.2.3"]
    await asyncio.gather(*begun.ask("192.0.2.4"))
    assert begun.clients[-1] == "192.0.2.4"


def test_the_service_answers_a_newcomer_before_all_that_another_has_asked_for(
    start_widget: Callable[..., Widget],
) -> None:
    widget = start_widget(ACCESS_LOG="true", TRUSTED_PROXIES="127.0.0.1", LOG_LEVEL="info")
    asked = [("form/demo?email=a", "192.0.2.1")] * 20 + [("receipt/none", "192.0.2.2")]
    with ExitStack() as stack:
        address = ("127.0.0.1", widget.port)
        connections = [stack.enter_context(socket.create_connection(address, FACT)) for _ in asked]
        for connection in connections:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        os.kill(widget.pid, signal.SIGSTOP)  # so that it finds all requests at once
        until(lambda: proc_state(Path(f"/proc/{widget.pid}")) == "T")
        for connection, (path, client) in zip(connections, asked, strict=True):
            connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n".encode())
        os.kill(widget.pid, signal.SIGCONT)
        routes = until(lambda: answered(widget) if len(answered(widget)) == len(asked) else [])
    assert routes.index("receipt") < 10, routes


def answered(widget: Widget) -> list[str]:
    """The first parts of the addresses of the requests that were answered, in this order."""
    return [line["route"] for line in widget.lines("request.answered") if line["route"] in ("form", "receipt")]
