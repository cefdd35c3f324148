"""Connections to Insider Connect, and to others that we tell something: they keep little of an answer."""

import ssl
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path

import certifi
import httpx

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read. A documented answer has a few hundred."""
_KEPT = (b"date", b"retry-after")
"""The fields of an answer's head that somebody reads."""
_IDLE_CONNECTION = 4.0
"""Seconds. Servers keep idle connections for longer, so none closes ours just as we send."""


class Plain(httpx.AsyncHTTPTransport):
    """Hands on only those fields of an answer's head that somebody reads.

    httpx would act on others. It would keep cookies and send them along, with another account's calls as well, and by
    and by more of them than a server takes. And it would raise an error for an address to go to that it cannot read,
    although we go nowhere.

    Trusts the public authorities unless `context` says otherwise, and nothing that the environment names.
    """

    def __init__(self, context: ssl.SSLContext | None = None, limits: httpx.Limits | None = None) -> None:
        super().__init__(verify=context or tls(None), trust_env=False, limits=limits or httpx.Limits())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.headers = httpx.Headers([field for field in response.headers.raw if field[0].lower() in _KEPT])
        return response


class Lanes(httpx.AsyncBaseTransport):
    """One connection for each call in progress. The connection that was used last is reused first.

    A single pool would ask the system about every idle connection, twice for each call. With sixteen calls at once,
    that was two fifths of the work.

    Authorities in the file `ca` are trusted besides the public ones.

    Slightly more than `MAX_ANSWER` bytes of an answer are read, and nothing is decompressed: the request forbids it.
    """

    def __init__(self, ca: Path | None = None) -> None:
        self._free: list[Plain] = []
        self._context = tls(ca)
        self._limits = httpx.Limits(max_connections=1, keepalive_expiry=_IDLE_CONNECTION)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        lane = self._free.pop() if self._free else self._new()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._free.append(lane)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101
        response.stream = _Bounded(response.stream, lambda: self._free.append(lane))
        return response

    async def aclose(self) -> None:
        for lane in self._free:
            await lane.aclose()

    def _new(self) -> Plain:
        return Plain(self._context, self._limits)


def trusting_nobody() -> ssl.SSLContext:
    """Verifies certificates and host names, by authorities that are still to be named.

    `ssl.create_default_context` would obey SSLKEYLOGFILE as well, and write keys to disk that decrypt the client
    secret.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def tls(ca: Path | None) -> ssl.SSLContext:
    """Verifies certificates and host names, by the public authorities and those in `ca`. There is one, because reading
    all authorities takes 14 ms."""
    context = trusting_nobody()
    context.load_verify_locations(certifi.where())
    if ca:
        context.load_verify_locations(ca)
    return context


class _Bounded(httpx.AsyncByteStream):
    """The beginning of a stream, long enough to tell that it is too long."""

    def __init__(self, stream: httpx.AsyncByteStream, at_end: Callable[[], None]) -> None:
        self._stream = stream
        self._at_end = at_end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            yield chunk
            size += len(chunk)
            if size > MAX_ANSWER:
                return

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._at_end()
