"""What proxies say about a request. It is believed if `TRUSTED_PROXIES` lists them; otherwise a warning is logged.

Without `TRUSTED_PROXIES`, all people behind a proxy count as one client.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from itertools import takewhile

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from widget.config.validators import ROOT
from widget.server.connections import Connections

log = structlog.get_logger("widget.server.forwarded")

_CLIENT, _SCHEME, _PREFIX = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-prefix"
_BELIEVED = (_CLIENT, _SCHEME, _PREFIX)
_FIELDS = (*_BELIEVED, b"forwarded", b"x-forwarded-host", b"x-real-ip")
_FIX = (
    "If this is your proxy, add its address to TRUSTED_PROXIES. Until then all people behind it share the limits of "
    "one client, and links may have the wrong scheme."
)


class Forwarded:
    """Warns once each of a private and of a public peer that forwards requests and is not in `proxies`.

    A public address may be that of a person who wrote the header, so it is not logged.
    """

    def __init__(self, proxies: Connections) -> None:
        self._proxies = proxies
        self._warned: set[bool] = set()

    def look(self, client: tuple[str, int] | None, fields: Mapping[bytes, bytes]) -> None:
        """Check the header fields of a request."""
        if client is None or len(self._warned) == 2 or not any(name in fields for name in _FIELDS):
            return
        address = client[0]
        if self._proxies.is_trusted(address):
            return
        try:
            is_private = ipaddress.ip_address(address).is_private
        except ValueError:
            return
        if is_private not in self._warned:
            self._warned.add(is_private)
            log.error("proxy.untrusted", peer=address if is_private else "a public address", fix=_FIX)


def believed(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """`app` with the client, scheme and path of a request as `proxies` state them. Nobody else is believed."""
    return _Believed(app, Connections(0, proxies)) if proxies else app


def plain(address: str) -> str:
    """An address as everybody writes it. A socket that listens on both kinds of addresses, as systemd's and `HOST=::`
    do, has IPv4 clients at addresses such as ::ffff:10.0.0.1, which is in no network of `TRUSTED_PROXIES`; a proxy with
    such a socket names the one before it so."""
    return address.removeprefix("::ffff:") if "." in address else address


class _Believed:
    """Takes from our proxies who the client is, the scheme of its request, and the path that a proxy shares with
    others."""

    def __init__(self, app: ASGIApp, proxies: Connections) -> None:
        self._app = app
        self._proxies = proxies
        self._has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its `client`, `scheme` and `root_path`."""
        if scope["type"] == "http":
            peer = scope["client"]
            told = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _BELIEVED}
            if told and peer is not None and self._proxies.is_trusted(peer[0]):
                self._believe(scope, told)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope, told: Mapping[bytes, str]) -> None:
        """Each proxy adds to a list, or passes it on. So the scheme of the client is where the client is: as far from
        the end, or first in a list that is shorter. What stands before it, anybody may have written."""
        schemes = _listed(told.get(_SCHEME, ""))
        before = len(schemes)
        if clients := [*map(_address, _listed(told.get(_CLIENT, "")))]:
            trusted = [*takewhile(self._proxies.is_trusted, reversed(clients))]
            before = min(len(trusted), len(clients) - 1)
            scope["client"] = (clients[-1 - before], 0)
        if schemes and (scheme := schemes[max(0, len(schemes) - 1 - before)].lower()) in ("http", "https"):
            scope["scheme"] = scheme
        if prefix := told.get(_PREFIX):
            scope["root_path"] = self._root(prefix)

    def _root(self, given: str) -> str:
        """The path without a slash at its end; empty if it is not a valid path."""
        if ROOT.fullmatch(path := given.strip().rstrip("/")):
            return path
        if not self._has_warned:
            self._has_warned = True
            log.error("proxy.prefix_unusable", given=given[:200], fix="Give X-Forwarded-Prefix one path, or none.")
        return ""


def _listed(field: str) -> Sequence[str]:
    """The parts of a field that is a list."""
    return [part for each in field.split(",") if (part := each.strip())]


def _address(entry: str) -> str:
    """An entry of `X-Forwarded-For` without its port: 192.0.2.1:443 or [2001:db8::1]:443."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return plain(entry.partition(":")[0] if entry.count(":") == 1 else entry)
