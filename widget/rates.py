"""How often a client may submit: counted per client and product, decided before a body is read."""

import ipaddress
import time

from limits import parse_many
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string


def client_key(address: str) -> str:
    """Whom to count: an IPv4 address, or the /64 that one household or server has of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip)


class Rates:
    """Counts against `limit`, in the notation of `limits` ("off" for none), kept in `storage` (an address)."""

    def __init__(self, limit: str, storage: str) -> None:
        self._items = () if limit == "off" else tuple(parse_many(limit))
        counts = storage_from_string(f"async+{storage}")
        assert isinstance(counts, Storage)  # noqa: S101 - the scheme says so
        self._limiter = FixedWindowRateLimiter(counts)

    async def hit(self, product: str, address: str) -> float | None:
        """Count one submission. None when it may pass, else the seconds until the next may."""
        waits = [
            (await self._limiter.get_window_stats(item, product, client_key(address))).reset_time - time.time()
            for item in self._items
            if not await self._limiter.hit(item, product, client_key(address))
        ]
        return max(1.0, *waits) if waits else None
