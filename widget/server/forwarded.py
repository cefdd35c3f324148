"""What proxies say about a request. It is believed if `TRUSTED_PROXIES` lists them; otherwise a warning is logged.

Without `TRUSTED_PROXIES`, all people behind a proxy count as one client.
"""

import ipaddress
from collections.abc import Mapping, Sequence

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from widget.config.validators import ROOT
from widget.server.connections import Connections

log = structlog.get_logger("widget.server.forwarded")

_PREFIX = b"x-forwarded-prefix"
_FIELDS = (b"x-forwarded-for", b"forwarded", b"x-forwarded-proto", b"x-forwarded-host", _PREFIX, b"x-real-ip")
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
    if not proxies:
        return app
    # A proxy that listens on a socket for both kinds names the IPv4 address of the one before it in IPv6's spelling.
    fours = [network for network in map(ipaddress.ip_network, proxies) if network.version == 4]
    mapped = [f"::ffff:{network.network_address}/{96 + network.prefixlen}" for network in fours]
    # uvicorn's middleware replaces the peer's address by the client's, so ours has to come first.
    return _Prefixed(ProxyHeadersMiddleware(app, [*proxies, *mapped]), Connections(0, proxies))  # type: ignore[arg-type]


class _Prefixed:
    """Takes the path that a proxy shares with others from its `X-Forwarded-Prefix`."""

    def __init__(self, app: ASGIApp, proxies: Connections) -> None:
        self._app = app
        self._proxies = proxies
        self._has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its `root_path`."""
        if scope["type"] == "http" and (given := dict(scope["headers"]).get(_PREFIX)):
            scope["root_path"] = self._root(scope["client"], given.decode("latin-1"))
        await self._app(scope, receive, send)

    def _root(self, peer: tuple[str, int] | None, given: str) -> str:
        """The path without a slash at its end; empty if `peer` is not one of our proxies, or it is not a valid path."""
        if peer is None or not self._proxies.is_trusted(peer[0]):
            return ""
        if ROOT.fullmatch(path := given.strip().rstrip("/")):
            return path
        if not self._has_warned:
            self._has_warned = True
            log.error("proxy.prefix_unusable", given=given[:200], fix="Give X-Forwarded-Prefix one path, or none.")
        return ""
