"""Notices a proxy that nobody named: without `TRUSTED_PROXIES` all people behind it count as one client."""

import ipaddress
from collections.abc import Mapping

import structlog

from widget.server.connections import Connections

log = structlog.get_logger("widget.server.forwarded")

_FIELDS = (b"x-forwarded-for", b"forwarded", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip")
_FIX = (
    "If this is your proxy, add its address to TRUSTED_PROXIES. Until then all people behind it share the limits of "
    "one client, and links may have the wrong scheme."
)


class Forwarded:
    """Warns once of a private and once of a public peer that forwards requests and is not in `proxies`.

    A public address may be a person's, who wrote the header: it is not logged.
    """

    def __init__(self, proxies: Connections) -> None:
        self._proxies = proxies
        self._warned: set[bool] = set()

    def look(self, client: tuple[str, int] | None, fields: Mapping[bytes, bytes]) -> None:
        """Look at the header fields of a request."""
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
