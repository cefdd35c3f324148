"""How many connections one client may hold open, so that nobody can take them all."""

import ipaddress
from collections import Counter
from collections.abc import Sequence

import structlog

from widget.abuse.rate_limits import client_key

log = structlog.get_logger("widget.server.connections")


class Connections:
    """Counts open connections by client: an IPv4 address, or a /64 of IPv6.

    `limit` is for one client; 0 for none. Connections from `trusted` proxies are not counted: all clients share them.
    """

    def __init__(self, limit: int, trusted: Sequence[str] = ()) -> None:
        self._limit = limit
        self._trusted = [ipaddress.ip_network(network) for network in trusted]
        self._open: Counter[str] = Counter()

    def opened(self, address: str) -> str | None:
        """Count one more. Returns what to pass to `closed`; None, and nothing is counted, when it is one too many."""
        client = client_key(address)
        if not self._limit or self.is_trusted(address):
            return ""
        if self._open[client] >= self._limit:
            log.warning("connections.refused", open=self._open[client])
            return None
        self._open[client] += 1
        return client

    def closed(self, client: str) -> None:
        """Count one less."""
        if client:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

    def is_trusted(self, address: str) -> bool:
        """Whether it is one of our own proxies."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._trusted if network.version == ip.version)
