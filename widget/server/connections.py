"""Limits how many connections one client may have open, so that nobody can take all of them."""

import ipaddress
from collections import Counter
from collections.abc import Sequence

from widget.abuse.rate_limits import client_key, network_key

NETWORK_FACTOR = 4
"""An IPv6 /48, with all its clients, may have so many times the connections of one client."""


class Connections:
    """Counts open connections by client, which is an IPv4 address or an IPv6 /64, and by IPv6 /48, which may have more.

    `limit` is for one client; 0 for none. Connections from `trusted` proxies are not counted, because all clients share
    them.
    """

    def __init__(self, limit: int, trusted: Sequence[str] = ()) -> None:
        self._limit = limit
        self._trusted = [ipaddress.ip_network(network) for network in trusted]
        self._open: Counter[str] = Counter()

    def opened(self, address: str) -> Sequence[str] | None:
        """Count one more. Returns what to pass to `closed`. If it is one too many, returns None and does not count
        it."""
        if not self._limit or self.is_trusted(address):
            return ()
        client, network = client_key(address), network_key(address)
        if self._open[client] >= self._limit or (network and self._open[network] >= NETWORK_FACTOR * self._limit):
            return None
        keys = (client, network) if network else (client,)
        self._open.update(keys)
        return keys

    def closed(self, keys: Sequence[str]) -> None:
        """Count one less."""
        for key in keys:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def is_trusted(self, address: str) -> bool:
        """Whether it is one of our own proxies."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._trusted if network.version == ip.version)
