"""Writes to the database how the accounts are, as the outcomes of calls show it."""

import time
from collections.abc import Mapping, Sequence

import structlog

from widget.errors import OutboxUnavailable
from widget.insider.outcomes import Misconfigured, NotProcessed, Outcome, Refused, Unknown
from widget.outbox.accounts import Accounts

log = structlog.get_logger("widget.delivery.account_states")

_EVERY = 10.0
"""Seconds after which the same state is written again, because another process may have written a different one."""


class AccountStates:
    """Writes a change at once, and an unchanged state every ten seconds at most."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._noted: Mapping[Sequence[str], tuple[str | None, float]] = {}

    async def note(self, products: Sequence[str], outcome: Outcome) -> None:
        """A call for the account of `products` had this `outcome`."""
        match outcome:
            case Refused(_, None):
                return  # no call was made
            case Misconfigured(reason):
                await self.write(products, reason, misconfigured=True)
            case NotProcessed(reason) | Unknown(reason):
                await self.write(products, reason)
            case _:
                await self.write(products, None)

    async def write(self, products: Sequence[str], reason: str | None, *, misconfigured: bool = False) -> None:
        """Write that the account is well or, with a `reason`, that it is not. If that fails, delivery goes on."""
        key, now = tuple(products), time.monotonic()
        before = self._noted.get(key)
        if before is not None and before[0] == reason and now - before[1] < _EVERY:
            return
        self._noted = {**self._noted, key: (reason, now)}
        try:
            await self._accounts.note(key, reason, misconfigured=misconfigured)
        except Exception as error:
            self._noted = {known: noted for known, noted in self._noted.items() if known != key}
            if not isinstance(error, OutboxUnavailable):
                log.exception("account.not_noted")
