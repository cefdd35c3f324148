"""The sandbox as an application, and as a server with two ports.

The API's port can be shut, so that callers get a refused connection, as they would if the machine were down. The other
port, for the inbox and its controls, stays open.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from widget.config.secrets import with_files
from widget.errors import ConfigurationError, Problem
from widget.sandbox import api, inbox
from widget.sandbox.misbehaving import DROP
from widget.sandbox.state import State

TOKEN_LIFETIME = 3599
"""Seconds, as the API's document shows it."""
GRACE = 1
"""Seconds for requests in progress when the sandbox stops."""


def _create(accounts: Mapping[str, str] | None, token_lifetime: float) -> Starlette:
    """Insider Connect with `accounts` (client id to client secret), or with one account."""
    state = State.create(accounts or {"sandbox": "sandbox"}, token_lifetime)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        state.record.close()

    app = Starlette(routes=[*api.routes(state), *inbox.routes(state)], lifespan=lifespan)
    app.state.sandbox = state
    return app


def accounts_from(environ: Mapping[str, str]) -> dict[str, str]:
    """The accounts in the widget's own environment, so that they need not be given twice."""
    accounts = {}
    ids = [name for name in environ if name.startswith("INSIDER_CLIENT_ID")]
    environ = with_files(environ, [name.replace("_ID", "_SECRET", 1) for name in ids], [])
    for name, client_id in environ.items():
        if match := re.fullmatch(r"INSIDER_CLIENT_ID(__[A-Z0-9_]+)?", name):
            secret = environ.get(f"INSIDER_CLIENT_SECRET{match[1] or ''}")
            if client_id and secret:
                accounts[client_id] = secret
    return accounts


def serve(
    host: str = "127.0.0.1",
    port: int = 8001,
    *,
    control_port: int = 0,
    accounts: Mapping[str, str] | None = None,
    token_lifetime: float = TOKEN_LIFETIME,
) -> None:
    """Serve until SIGINT or SIGTERM. Prints both addresses. With `control_port` 0, a free port is used."""
    app = _create(accounts, token_lifetime)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",  # closes a listener at once; uvloop does so later
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
    )
    api_socket, control_socket = _bind(host, port), _bind(host, control_port)
    addresses = f"API {_address(api_socket)}, inbox and faults {_address(control_socket)}"
    print(f"Insider Connect sandbox: {addresses}", flush=True)  # noqa: T201
    _Server(config, app.state.sandbox, api_socket).run(sockets=[control_socket])


class _Protocol(HttpToolsProtocol):
    """HTTP that lets the application close a connection without an answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = {DROP: self.transport.abort}


class _ApiProtocol(_Protocol):
    """HTTP at the API's door. A connection that was on its way in when the door was shut is ended."""

    def __init__(self, *arguments: Any, is_open: Callable[[], bool]) -> None:
        super().__init__(*arguments)
        self._is_open = is_open

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._is_open():
            transport.abort()


class _Server(uvicorn.Server):
    """A server for the control port, which also opens and shuts the API's port."""

    def __init__(self, config: uvicorn.Config, state: State, api_socket: socket.socket) -> None:
        super().__init__(config)
        self._door = state.door = _ApiDoor(api_socket, self._create_protocol, self._connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._door.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._door.close()
        await super().shutdown(sockets)

    def _create_protocol(self) -> asyncio.Protocol:
        state = self.lifespan.state
        return _ApiProtocol(self.config, self.server_state, state, is_open=lambda: self._door.is_open)

    def _connections(self) -> list[_Protocol]:
        return [each for each in self.server_state.connections if isinstance(each, _Protocol)]


class _ApiDoor:
    """The API's listener. While it is shut, the port stays bound without listening, so that nobody else can take it."""

    def __init__(
        self,
        bound: socket.socket,
        create_protocol: Callable[[], asyncio.Protocol],
        connections: Callable[[], list[_Protocol]],
    ) -> None:
        self._bound = bound
        self._host, self._port = bound.getsockname()[:2]
        self._create_protocol = create_protocol
        self._connections = connections
        self._listener: asyncio.Server | None = None
        self._timer: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._listener is not None

    async def open(self) -> None:
        self._stop_timer()
        if self._listener is None:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(self._create_protocol, sock=self._bound, backlog=2048)

    async def shut(self, seconds: float | None) -> None:
        self._stop_timer()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._bound = _bind(self._host, self._port)
            for connection in self._connections():
                if connection.server and connection.server[1] == self._port:
                    connection.transport.abort()
            await asyncio.sleep(0)  # their sockets are closed in the loop's next round; only then is the API down
        if seconds is not None:
            self._timer = asyncio.create_task(self._open_in(seconds))

    def close(self) -> None:
        """Shut it for good."""
        self._stop_timer()
        if self._listener is not None:
            self._listener.close()
        self._bound.close()

    async def _open_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._timer = None
        await self.open()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet, so connections to it are refused. Raises ConfigurationError if there can
    be none."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        problem = Problem("--host, --port", f"cannot listen on {host}:{port}: {error.strerror}")
        raise ConfigurationError([problem]) from error
    bound.setblocking(False)
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
