"""uvicorn's HTTP protocol with deadlines and bounds on what a connection may do.

It limits the request's head, silence before and between requests, and answers that the client does not read, and it
refuses requests that could be taken for two (request smuggling). A strict parser does most of this; what it lets
through is refused here (RFC 9112, sections 3.2, 6.1, 7.1 and 11.2). The application limits bodies.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httptools
from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from widget.server.connections import Connections
from widget.server.forwarded import Forwarded, plain
from widget.web import headers
from widget.web.refusals import refusals

MAX_HEAD = 32 * 1024
"""Bytes of request line and header fields together."""
MAX_FIELDS = 100
"""Most header fields that a request may have."""
MAX_OVERHEAD = 1024 * 1024
"""Bytes by which the chunk framing of a body may exceed the body itself."""
MAX_WAITING = 32
"""Most requests that may wait behind one that is being answered. Browsers send none before they have the answer."""
LINGER = 5.0
"""Seconds that a closing connection gives the client to read what was written."""
LEAST_RATE = 512
"""Bytes a second that a body has to bring, over each period of `RATE_PERIOD`, or its request is ended."""
RATE_PERIOD = 60.0
"""Seconds."""
_BUFFER = memoryview(bytearray(256 * 1024))
"""Where every connection of the process puts what it has just read, until it is parsed a moment later."""
_BEGINNING = _BUFFER[: 16 * 1024]
"""The part of it for a head and what comes with it: a body waits in the system's buffers until somebody reads it."""
_ONCE = (b"host", b"content-length", b"content-type", b"transfer-encoding", b"origin", b"sec-fetch-site")
"""Fields that may not be repeated, because a proxy might read one and the service the other."""
_CODES = {400: "malformed", 408: "malformed", 429: "rate_limited", 431: "request_too_large", 505: "malformed"}


_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")


def _joined(fields: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields of a head, each once, with all its values in their order (RFC 9110, section 5.3).

    Of a field that came twice, one reader would take the first and another the last.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return [(name, (b"; " if name == b"cookie" else b", ").join(every)) for name, every in values.items()]


class _Refused(Exception):
    """The head of a request is not acceptable."""


class Protocol(HttpToolsProtocol):
    """One connection. `header_timeout` (seconds) applies to receiving a head and to the client reading an answer."""

    header_timeout = 10.0
    per_client = Connections(0)
    forwarded = Forwarded(per_client)
    more: Mapping[str, str] = {}
    """Further header fields of its own answers."""
    is_last = False
    """Whether the next request is the last one on any connection, because the service stops."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._served: RequestResponseCycle | None = None
        self._in_head = False
        self._in_message = False
        self._over = False
        self._head_read = 0
        self._head_size = 0
        self._raw = 0
        self._body = 0
        self._refusal = 400
        self._client: Sequence[str] | None = None
        self._rate: asyncio.TimerHandle | None = None
        self._body_then = 0

    # The connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.client = self.client and (plain(self.client[0]), self.client[1])
        self.flow = _OnDemand(transport, lambda: bool(self.pipeline) or self._has_unread())
        self._client = self.per_client.opened(self.client[0] if self.client else "")
        if self._client is None:
            self._refuse(429)
            return
        self._arm(self.header_timeout, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel every timer."""
        self._disarm()
        self._stop_rate()
        if self._client is not None:
            self.per_client.closed(self._client)
        if self._writing is not None:
            self._writing.cancel()
        self.pipeline.clear()
        super().connection_lost(exc)
        if self._served is not None:  # uvicorn tells the request that came last, which may wait behind this one
            self._served.disconnected = True
            self._served.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Parse, and enforce the bounds on the head and on the framing of a chunked body."""
        if self._over or self.transport.is_closing():
            return
        self._raw += len(data)
        self._refusal = 400
        super().data_received(data)
        if self._over or self.transport.is_closing():
            return
        if self._in_head:
            self._head_read += len(data)
            if self._head_read > MAX_HEAD:  # the parser keeps a field, however long, until it is whole
                self._refuse(431)
        elif self._in_message and self._raw > MAX_OVERHEAD + 2 * self._body:
            self._refuse(400)
        elif self._in_message and self.cycle.body:
            self.flow.pause_reading()
        if self._deadline is None and (self._in_head or self._is_idle):
            self._arm(self.header_timeout, self._too_slow)

    def send_400_response(self, msg: str) -> None:
        """The parser, or one of our checks, refused the request."""
        self._refuse(self._refusal)

    # A request.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._head_read = self._head_size = self._raw = self._body = 0

    def on_url(self, url: bytes) -> None:
        """Part of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field. A trailer field comes here too, after the head: it would change what was decided by it."""
        if not self._in_head:
            raise self._stop(400)
        self._count(len(name) + len(value))
        if len(self.headers) >= MAX_FIELDS:
            raise self._stop(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete."""
        if len(self.pipeline) >= MAX_WAITING:
            raise self._stop(429)
        self._check_head()
        self._in_head = False
        self._disarm()
        super().on_headers_complete()
        self._begin_rate()
        if self.is_last or self.parser.should_upgrade():  # to nothing that we speak; the parser will not go on
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._in_message = False
        self._stop_rate()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The application has answered. A body that it did not read gets no more time than a head."""
        if self._served is not None:
            self._served.body.clear()
        super().on_response_complete()
        if self.transport.is_closing():
            self._arm(LINGER, self.transport.abort)
        elif self._in_message and not self._in_head and not self.pipeline:
            self._arm(self.header_timeout, self._give_up)

    def shutdown(self) -> None:
        """The service stops. A request that a client sent before it could know is still answered, as the last one."""
        type(self).is_last = True
        if self._is_idle:
            if self.timeout_keep_alive_task is None:  # no request has come yet, so none is waited for any longer
                self._arm(self.timeout_keep_alive, self._too_slow)
        elif not self._in_head:
            self.cycle.keep_alive = False

    # Answers that nobody fetches.

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        super().pause_writing()
        self._writing = self._writing or self.loop.call_later(3 * self.header_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came after an answer."""
        self._give_up()

    @property
    def is_in_body(self) -> bool:
        """Whether the head of a request has come, and its body has not ended."""
        return self._in_message and not self._in_head

    # Inside.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._served = cycle
        cycle.transport = _LingeringTransport(self.transport, self._linger)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    def _has_unread(self) -> bool:
        """Whether the application has yet to take a part of the body that is here."""
        return self._served is not None and bool(self._served.body)

    @property
    def _is_idle(self) -> bool:
        return not self._in_message and (self.cycle is None or self.cycle.response_complete)

    def _arm(self, seconds: float, then: Callable[[], object]) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, then)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        """A head did not arrive in time. A client that sent nothing at all gets no answer."""
        if self._in_head:
            self._refuse(408)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self.transport.close()
        self._arm(LINGER, self.transport.abort)

    def _linger(self) -> None:
        """Close after an answer. While the client still sends, its bytes are dropped for a little: a connection that is
        closed with bytes unread is reset, and a browser would show a network error instead of the answer."""
        if not self._in_message or self._in_head or self.transport.is_closing():
            self.transport.close()
            return
        self._over = True
        self._stop_rate()
        self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._arm(LINGER, self.transport.abort)

    def _begin_rate(self) -> None:
        self._stop_rate()
        self._body_then = self._body
        self._rate = self.loop.call_later(RATE_PERIOD, self._check_rate)

    def _stop_rate(self) -> None:
        if self._rate is not None:
            self._rate.cancel()
            self._rate = None

    def _check_rate(self) -> None:
        """End a body that comes too slowly, unless it is we who keep it waiting."""
        if self._body - self._body_then < LEAST_RATE * RATE_PERIOD and not self.flow.read_paused:
            self._refuse(408)
        else:
            self._begin_rate()

    def _stop(self, status: int) -> _Refused:
        """An exception that stops the parser, which then calls `send_400_response` without the reason."""
        self._refusal = status
        return _Refused()

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            raise self._stop(431)

    def _check_head(self) -> None:
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise self._stop(505)
        if not self.url.startswith(b"/") and not (httptools.parse_url(self.url).path or b"").startswith(b"/"):
            raise self._stop(400)  # OPTIONS *, or an address without a path
        named = dict(self.headers)
        if len(named) < len(self.headers):
            names = [name for name, _ in self.headers]
            if any(names.count(name) > 1 for name in _ONCE):
                raise self._stop(400)
            self.headers[:] = _joined(self.headers)  # in place: the request's scope has this list
            named = dict(self.headers)
        self.forwarded.look(self.client, named)
        if not _HOST.fullmatch(named.get(b"host", b"localhost" if version == "1.0" else b"")):
            raise self._stop(400)
        coding = named.get(b"transfer-encoding")
        if coding is not None and (coding.strip().lower() != b"chunked" or version == "1.0"):
            raise self._stop(400)
        if self.parser.should_upgrade() and (coding is not None or self.parser.get_method() not in (b"GET", b"HEAD")):
            raise self._stop(400)  # the parser does not read a body after such a head

    def _refuse(self, status: int) -> None:
        """End the connection, with an answer if one is due and cannot be mistaken for another request's."""
        self._over = True
        self._disarm()
        if self.transport.is_closing():
            return
        cycle, in_body = self.cycle, self._in_message and not self._in_head
        if cycle is not None and not in_body and not cycle.response_complete:
            cycle.keep_alive = False  # the request before is still being answered: its answer is the last
            return
        refusals.note(_CODES[status], status, limit="CONNECTIONS_PER_CLIENT" if status == 429 else "")
        if not (in_body and (cycle.response_started or self.pipeline)):
            self.transport.write(_answer(status, self.more))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # nothing that the application still says is sent
            cycle.message_event.set()
        self._give_up()


class _Reading(asyncio.BufferedProtocol):
    """Reads for a connection into the buffer that all share. uvloop would read up to 256 kB of each beginning. It only
    takes a buffer from what is no `asyncio.Protocol`, so this is in between."""

    def __init__(self, connection: Protocol) -> None:
        self._connection = connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connection.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _BUFFER if self._connection.is_in_body else _BEGINNING

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(_BUFFER[:nbytes]))


class _OnDemand(FlowControl):
    """Reads no more than the application has use for. uvicorn would read ahead, on each connection, a body that nobody
    has asked for yet, so a few hundred uploads at once would fill the memory; and after each answer, as many further
    requests as fit into the buffer, so a client that sends them without reading the answers would, too."""

    def __init__(self, transport: asyncio.Transport, has_enough: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_enough = has_enough

    def resume_reading(self) -> None:
        """Read on, unless there is something to take."""
        if not self._has_enough():
            super().resume_reading()


class _LingeringTransport:
    """A connection as a request sees it. Only the protocol may close it."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self.close = close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


_SENTENCES = {429: "There are too many connections from here. Close one, and try again."}


def _answer(status: int, more: Mapping[str, str]) -> bytes:
    sentence = _SENTENCES.get(status, "This request cannot be answered.")
    content = {
        "type": "about:blank",
        "title": "Too many requests" if status == 429 else "Bad request",
        "status": status,
        "detail": sentence,
        "errors": [{"field": "", "code": _CODES[status], "message": sentence}],
    }
    body = json.dumps(content).encode()
    fields = {
        **headers.HEADERS["data"],
        **more,
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **({"Retry-After": "5"} if status == 429 else {}),
    }
    lines = [f"{name}: {value}\r\n".encode("ascii") for name, value in fields.items()]
    return b"".join([STATUS_LINE[status], *lines, b"\r\n", body])


def protocol(header_timeout: float, connections: Connections, more: Mapping[str, str] = {}) -> Any:
    """Makes the protocol of a connection, with these bounds and header fields. To uvicorn it is the class of one, which
    it calls."""
    own = {"header_timeout": header_timeout, "per_client": connections, "forwarded": Forwarded(connections)}
    bounded = type("Protocol", (Protocol,), {**own, "more": more})
    return lambda **given: _Reading(bounded(**given))
