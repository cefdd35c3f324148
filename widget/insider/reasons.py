"""Why a call to Insider Connect failed, in words for the operator.

They name the host and the port, but never a path, a header or a body, which may contain a secret.
"""

import errno
import socket
import ssl
from collections.abc import Iterator

import httpx

_BROKEN: dict[type[httpx.HTTPError], str] = {
    httpx.ConnectTimeout: "no connection to {place} in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "the request could not be sent in time",
    httpx.ReadError: "the connection broke before the answer came",
    httpx.WriteError: "the connection broke while the request was sent",
    httpx.RemoteProtocolError: "no complete HTTP answer came",
}
_UNREACHED = {
    errno.ECONNREFUSED: "connection refused by {place}",
    errno.ECONNRESET: "connection reset by {place}",
    errno.EHOSTUNREACH: "no route to {place}",
    errno.ENETUNREACH: "no network on the way to {place}",
    errno.ETIMEDOUT: "no connection to {place} in time",
    errno.EMFILE: "too many open files to connect to {place}",
}
_PORTS = {"http": 80, "https": 443}


def reason_of(error: httpx.HTTPError) -> str:
    """What went wrong with a request that this client sent."""
    place = _place(error.request.url)
    if words := next((words for kind, words in _BROKEN.items() if isinstance(error, kind)), None):
        return words.format(place=place)
    return unreached(error, place)


def unreached(error: BaseException, place: str) -> str:
    """Why there is no connection to `place`, a host with its port."""
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"the certificate of {place} is not trusted: {cause.verify_message}"
            case ssl.SSLError():
                return f"no TLS connection to {place}: {cause.reason or 'the handshake failed'}"
            case socket.gaierror():
                return f"the name {place.rpartition(':')[0]} cannot be resolved"
            case OSError(errno=number) if number in _UNREACHED:
                return _UNREACHED[number].format(place=place)
    return f"no connection to {place}"


def _place(url: httpx.URL) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port or _PORTS.get(url.scheme, 0)}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it. If several addresses were tried, the errors of all of them."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
