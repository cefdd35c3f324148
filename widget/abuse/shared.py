"""Counters in Redis, which several machines share. Needs the extra `redis`, and is imported only where it is used."""

from limits.aio.storage import RedisStorage
from limits.errors import ConfigurationError as LimitsConfigurationError
from limits.errors import StorageError
from limits.storage import storage_from_string
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from widget.abuse.counters import StorageAway
from widget.errors import ConfigurationError, Problem

_TIMEOUT = 0.5
"""Seconds that Send waits for a storage that does not answer."""


class SharedStorage:
    """The counters at an address such as redis://host:6379/0. Raises ConfigurationError."""

    def __init__(self, address: str) -> None:
        try:
            storage = storage_from_string(
                f"async+{address}",
                implementation="redispy",
                wrap_exceptions=True,
                retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
            )
        except (ValueError, LimitsConfigurationError):
            raise ConfigurationError(
                [Problem("RATE_LIMIT_STORAGE", "is not usable; give one such as redis://host:6379/0")]
            ) from None
        assert isinstance(storage, RedisStorage)  # noqa: S101 - the scheme says so
        self._storage = storage

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add `amount`, and return the sum in the current window. Raises StorageAway."""
        try:
            return await self._storage.incr(key, expiry, amount)
        except StorageError as error:
            raise StorageAway(type(error.storage_error).__name__) from error

    async def get_expiry(self, key: str) -> float:
        """The end of the current window (Unix seconds). Raises StorageAway."""
        try:
            return await self._storage.get_expiry(key)
        except StorageError as error:
            raise StorageAway(type(error.storage_error).__name__) from error

    async def check(self) -> None:
        """Ask whether it answers. Raises StorageAway."""
        try:
            answers = await self._storage.check()
        except StorageError as error:
            raise StorageAway(str(error.storage_error)) from error
        if not answers:
            raise StorageAway("no answer")

    async def close(self) -> None:
        """Close the connections."""
        await self._storage.bridge.storage.aclose()  # type: ignore[attr-defined]
