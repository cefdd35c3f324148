"""The web process: uvicorn on our own socket, with an orderly shutdown of bounded length."""

import asyncio
import contextlib
import gc
import math
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from widget.config.settings import Settings
from widget.errors import ConfigurationError, Problem
from widget.server.connections import Connections
from widget.server.ending import end_within, leave
from widget.server.forwarded import believed
from widget.server.protocol import protocol
from widget.web.headers import hsts

_HEADER_TIMEOUT = 5.0
"""Seconds within which a monitor's request has to arrive."""
_LAST_ANSWERS = 1.0
"""Seconds for answering the requests that are cut off."""
_TICK = 0.1
"""Seconds between checks for a second signal. Only SIGINT counts: a process may get SIGTERM from systemd and from the
process that started it."""
_BACKLOG = 2048
"""Connections that the kernel may accept before we do."""
FIRST_PASSED = 3
"""The descriptor of the first socket that was passed (sd_listen_fds(3))."""


class Server(uvicorn.Server):
    """uvicorn, with less for the garbage collector to scan and an orderly shutdown.

    `started` is called once requests are answered. `is_kept` says that the listening socket outlives this process, so
    that connections wait for the next one.
    """

    def __init__(
        self, app: Starlette, settings: Settings, started: Callable[[], None] = lambda: None, *, is_kept: bool = False
    ) -> None:
        self._app = app
        self._tell = started
        self._delay = settings.shutdown_delay
        self._start_again: Callable[[], object] | None = None
        self._grace = settings.shutdown_grace
        self._grace_ends = 0.0
        self._keep_alive = settings.keep_alive
        self._is_kept = is_kept
        connections = Connections(settings.connections_per_client, settings.trusted_proxies)
        super().__init__(
            uvicorn.Config(
                believed(app, settings.trusted_proxies),
                loop="uvloop",
                # Not h11, which accepts Content-Length together with Transfer-Encoding.
                http=protocol(settings.header_timeout, connections, hsts(settings.hsts) if settings.only_tls else {}),
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                log_level="critical",  # we log errors ourselves, once
                server_header=False,
                proxy_headers=False,  # `believed` does it
                timeout_keep_alive=settings.keep_alive,
            )
        )

    @property
    def _service(self) -> Any:
        return getattr(self._app.state, "service", None)

    async def startup(self, sockets: Any = None) -> None:
        """Start, and exempt all objects made so far from garbage collection: scanning them takes a tenth of a second,
        during which every request waits."""
        await super().startup(sockets)
        gc.freeze()
        self._tell()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: begin to stop, within a bounded time. It is not started again, even if that was asked for
        before."""
        self._start_again = None
        if not self.should_exit:
            self._end_within(self._delay + self._grace)
        super().handle_exit(sig, frame)

    def stop_for(self, start_again: Callable[[], object]) -> None:
        """Begin to stop without `SHUTDOWN_DELAY`, and call `start_again` at the end."""
        self._start_again = start_again
        self._delay = 0
        self._end_within(self._grace)
        self.should_exit = True

    def end(self) -> None:
        """What is left to do once it has stopped: start again, if that was asked for."""
        if self._start_again:
            self._start_again()

    def _end_within(self, seconds: float) -> None:
        def end() -> None:
            self.end()
            leave()

        end_within(seconds, lambda: self._service.dispatcher.sending if self._service else (), end)

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop in order: readiness, accepting rows and connections, then (in the lifespan) the calls in progress."""
        if self._service:
            self._service.health.stopping = not self._start_again
            await self._wait_for_the_balancer()
            self._grace_ends = time.monotonic() + self._grace
            if self._start_again or self._is_kept:
                await self._let_connections_end()
            self._service.health.stopping = True
            self._service.dispatcher.drain()
        await asyncio.sleep(0)  # takes over the connections that the kernel has accepted
        await super().shutdown(sockets)

    async def _let_connections_end(self) -> None:
        """Answer each open connection once more, and go on accepting others. They would have to wait at the socket, for
        the process that comes next, until all that are kept alive have ended."""
        before = [*self.server_state.connections]
        for connection in before:
            connection.shutdown()
        for _ in range(math.ceil(min(self._keep_alive, self._grace) / _TICK)):
            if self.force_exit or self.server_state.connections.isdisjoint(before):
                return
            await asyncio.sleep(_TICK)

    async def _wait_for_the_balancer(self) -> None:
        """Continue for `SHUTDOWN_DELAY` seconds, while `/readyz` says that no new requests should come."""
        for _ in range(math.ceil(self._delay / _TICK)):
            if self.force_exit:  # there was SIGINT
                return
            await asyncio.sleep(_TICK)

    async def _wait_tasks_to_complete(self) -> None:
        """Wait for the requests in progress, and cut off those that take too long. These are answered, too."""
        try:
            async with asyncio.timeout(max(0.0, self._grace_ends - time.monotonic())):
                await super()._wait_tasks_to_complete()
        except TimeoutError:
            cut_off = [*self.server_state.tasks]
            for task in cut_off:
                task.cancel()
            if cut_off:
                await asyncio.wait(cut_off, timeout=_LAST_ANSWERS)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket: the one that was passed, if any, else one of our own.

    A socket that is passed (by systemd, or by whoever keeps it open across a restart) loses no connection while the
    service restarts. Raises ConfigurationError if the address cannot be used.
    """
    if (passed := _passed()) is not None:
        return passed
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, TypeError, UnicodeError) as error:  # the last two for what cannot be a name
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else "this is no host name"
        problem = Problem("HOST, PORT", f"cannot listen on {host}:{port}: {reason}")
        raise ConfigurationError([problem]) from error
    listening.listen(_BACKLOG)
    return listening


def address_of(listening: socket.socket) -> str:
    """The address of a listening socket, such as http://127.0.0.1:8000."""
    if listening.family not in (socket.AF_INET, socket.AF_INET6):
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Beside(uvicorn.Server):
    """uvicorn beside something else, which has the signals."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def answering(app: ASGIApp, listening: socket.socket) -> AsyncIterator[None]:
    """Answer requests on a socket beside what else this process does, until the context is left."""
    config = uvicorn.Config(
        app,
        http=protocol(_HEADER_TIMEOUT, Connections(0, ())),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
    )
    server = _Beside(config)
    task = asyncio.create_task(server.serve([listening]), name="monitoring")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait({task}, timeout=_LAST_ANSWERS)


def is_passed() -> bool:
    """Whether `listen` finds a socket that was passed to this process."""
    return os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0"


def _passed() -> socket.socket | None:
    """The socket that was passed to this process as sd_listen_fds(3) has it."""
    if not is_passed():
        return None
    if os.environ["LISTEN_FDS"] != "1":
        raise ConfigurationError([Problem("LISTEN_FDS", "several sockets were passed; pass one")])
    try:
        return socket.socket(fileno=FIRST_PASSED)
    except OSError as error:
        raise ConfigurationError([Problem("LISTEN_FDS", f"no socket was passed: {error.strerror}")]) from error
