"""Limits how often a client may submit, and how much a product receives. Decided before a body is read.

Counters are kept in this process, in bounded memory, or in Redis for several machines. While Redis is unreachable, this
process counts alone: accepting everything would invite attacks on Redis, and refusing everything would lose feedback.
"""

import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import structlog

from widget.abuse.counters import BoundedStorage, Counters, StorageAway
from widget.config import rates
from widget.config.rates import Rate
from widget.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from widget.abuse.shared import SharedStorage

log = structlog.get_logger("widget.abuse.rate_limits")

SURGE = 600.0
"""Seconds that a surge lasts after the last submission above its rate."""
_AWAY = 5.0
"""Seconds before a storage that failed is asked again."""


def client_key(address: str) -> str:
    """The key under which a client is counted: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or _network(ip, 64).network_address)
    return str(ip)


def network_key(address: str) -> str | None:
    """The key under which a client's network is counted: the /48 of an IPv6 address, which is what a provider gives
    to a site, and holds 65,536 clients. None for an IPv4 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return str(_network(ip, 48)) if isinstance(ip, ipaddress.IPv6Address) and not ip.ipv4_mapped else None


def sender_key(address: str) -> str:
    """The key under which a sender shares with others what all of them need: an IPv4 address, or the whole /48 of an
    IPv6 address. A share for each /64 would give one site all of it."""
    return network_key(address) or client_key(address)


def _network(ip: ipaddress.IPv6Address, bits: int) -> ipaddress.IPv6Network:
    return ipaddress.IPv6Network((int(ip), bits), strict=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates as settings write them, or "off": of a client, of an IPv6 /48, of a client that is not a browser, of all
    clients of a product together; and the rate of a product above which there is a surge."""

    client: str = "off"
    network: str = "off"
    unmarked: str = "off"
    total: str = "off"
    surge: str = "off"


class Exceeded(NamedTuple):
    """Seconds until the next request may pass, and the setting that was reached."""

    wait: float
    limit: str


class _Counted(NamedTuple):
    """Seconds to wait, or 0 if the request may pass; and how full the window is: 0 is empty, 1 is just full."""

    wait: float
    filled: float


class _Surge(NamedTuple):
    """When it began and when it ends (Unix seconds), and its peak as a multiple of the rate that begins a surge."""

    since: float
    until: float
    height: float


class Rates:
    """Counts against `limits`. `storage` is an address, `capacity` the number of counters that memory may hold."""

    def __init__(
        self,
        limits: Limits,
        storage: str = "memory://",
        capacity: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._network, self._unmarked, self._total, self._surge = map(
            _rates, (limits.client, limits.network, limits.unmarked, limits.total, limits.surge)
        )
        self._clock = clock
        self._local = BoundedStorage(capacity, clock)
        self._networks = BoundedStorage(capacity, clock)
        self._products = BoundedStorage(capacity, clock)  # so that a flood of clients pushes out no product
        self._redis = None if storage == "memory://" else shared_storage(storage)
        self._away_until = 0.0
        self._surges: dict[str, _Surge] = {}

    async def hit_client(self, product: str, address: str, *, marked: bool = True) -> Exceeded | None:
        """Count one request for its client. Returns None if it may pass."""
        client, network = client_key(address), network_key(address)
        waits = {"RATE_LIMIT": await self._count(self._local, self._client, product, client)}
        if not marked:
            unmarked = await self._count(self._local, self._unmarked, product, client, "unmarked")
            waits["RATE_LIMIT_UNMARKED"] = unmarked
        if network and not any(counted.wait for counted in waits.values()):
            # A request that is stopped anyway does not count against its neighbours.
            waits["RATE_LIMIT_NETWORK"] = await self._count(self._networks, self._network, product, network)
        return _longest(waits)

    async def hit_product(self, product: str, *, held: bool = False) -> Exceeded | None:
        """Count one submission against its product's limit. Returns the same as `hit_client`.

        Only requests with a genuine form token are counted here, and `take_back` follows if nothing new is stored.
        Requests refused earlier can neither use up the limit of others nor cause a surge. What is to be `held` for the
        operator has a limit of its own: programs that solve no proof use up nothing of what people need.
        """
        total = await self._count(self._products, self._total, *_whom(product, held))
        if total.wait:
            await self.note_new(product)
        return _longest({"RATE_LIMIT_TOTAL": total})

    async def take_back(self, product: str, *, held: bool = False) -> None:
        """Undo `hit_product` for a submission that was refused, or was stored, and counted, before."""
        await self._count(self._products, self._total, *_whom(product, held), amount=-1)

    async def note_new(self, product: str) -> None:
        """Count one submission that is new. Too many of them are a surge."""
        surge = await self._count(self._products, self._surge, product, "surge")
        if surge.wait:
            self._note_surge(product, surge.filled)

    async def close(self) -> None:
        """Close the storage."""
        if self._redis:
            await self._redis.close()

    def surge_since(self, product: str) -> float | None:
        """When the surge of submissions to the product began, if there is one now (Unix seconds)."""
        surge = self._surge_of(product)
        return surge.since if surge else None

    def surge_height(self, product: str) -> float:
        """The peak of the current surge, as a multiple of the rate that begins one; 1 without a surge."""
        surge = self._surge_of(product)
        return surge.height if surge else 1.0

    def _surge_of(self, product: str) -> _Surge | None:
        surge = self._surges.get(product)
        return surge if surge and self._clock() < surge.until else None

    def _note_surge(self, product: str, filled: float) -> None:
        now, surge = self._clock(), self._surge_of(product)
        if surge is None:
            log.warning("rates.surge", product=product)
        since, height = (surge.since, surge.height) if surge else (now, 1.0)
        self._surges[product] = _Surge(since, now + SURGE, max(height, filled))

    async def _count(self, local: BoundedStorage, allowed: Sequence[Rate], *whom: str, amount: int = 1) -> _Counted:
        """Count against every rate. Returns the strictest result."""
        counted = [_Counted(0.0, 0.0)]
        for rate in allowed:
            storage = self._redis if self._redis and self._clock() >= self._away_until else local
            try:
                counted.append(await self._count_one(storage, rate, whom, amount))
            except StorageAway as error:
                self._away_until = self._clock() + _AWAY
                log.error("rates.storage_away", reason=str(error), seconds=_AWAY)
                counted.append(await self._count_one(local, rate, whom, amount))
        return max(counted)

    async def _count_one(self, counters: Counters, rate: Rate, whom: Sequence[str], amount: int) -> _Counted:
        key = "/".join((*whom, *map(str, rate)))
        filled = await counters.incr(key, rate.seconds, amount) / rate.amount
        wait = max(1.0, await counters.get_expiry(key) - self._clock()) if filled > 1 else 0.0
        return _Counted(wait, filled)


def _whom(product: str, held: bool) -> Sequence[str]:
    return (product, "held") if held else (product,)


def _longest(counted: Mapping[str, _Counted]) -> Exceeded | None:
    """The longest wait that any setting requires."""
    limit, longest = max(counted.items(), key=lambda entry: entry[1].wait)
    return Exceeded(longest.wait, limit) if longest.wait else None


def _rates(limit: str) -> Sequence[Rate]:
    return () if limit == "off" else rates.parse(limit)


def shared_storage(address: str) -> "SharedStorage":
    """The storage that several machines share. Raises ConfigurationError."""
    try:
        from widget.abuse.shared import SharedStorage
    except ImportError:
        raise ConfigurationError([Problem("RATE_LIMIT_STORAGE", "needs the extra `redis`")]) from None
    return SharedStorage(address)
