"""Connections to Insider Connect, and no more of an answer than a limit."""

import ssl
from collections.abc import AsyncIterator, Callable

import certifi
import httpx

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read; a documented answer has a few hundred."""
_IDLE_CONNECTION = 4.0
"""Seconds: shorter than servers keep a connection, so that ours is not closed just as we send."""


class Lanes(httpx.AsyncBaseTransport):
    """A connection for each call that is under way; the one that was left last is taken first, and the others grow old.

    One pool of all connections would ask the system about each idle one, twice for every call: of sixteen calls at
    once that were two fifths of the work.

    Reads no more of an answer than `MAX_ANSWER` and a little, and unpacks nothing: we asked for it as it is.
    """

    def __init__(self) -> None:
        self._free: list[httpx.AsyncHTTPTransport] = []
        self._context = _tls()
        self._limits = httpx.Limits(max_connections=1, keepalive_expiry=_IDLE_CONNECTION)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        lane = self._free.pop() if self._free else self._new()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._free.append(lane)
            raise
        response.headers.pop("Content-Encoding", None)
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101
        response.stream = _Bounded(response.stream, lambda: self._free.append(lane))
        return response

    async def aclose(self) -> None:
        for lane in self._free:
            await lane.aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._context, trust_env=False, limits=self._limits)


def _tls() -> ssl.SSLContext:
    """Certificates and names are checked. `ssl.create_default_context` would also obey SSLKEYLOGFILE, and write down
    what decrypts the client secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    return context


class _Bounded(httpx.AsyncByteStream):
    """The beginning of a stream: enough to know that it is too long."""

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
