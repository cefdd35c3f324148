"""How the database and the accounts are, looked at in the background.

However often somebody wants to know, nobody is asked in turn and nothing is written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from widget.delivery.dispatch import Dispatcher
from widget.errors import OutboxUnavailable
from widget.insider.client import Insider
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.delivery.health")


class Health:
    """What is known of the database and of the accounts of `products`.

    Every `database_every` seconds the database is looked at, which writes nothing while all is well; what a
    submission meets is known at once. Every `accounts_every` seconds each account is asked for a token, unless one is
    at hand, or its gate is shut and knows why.
    """

    def __init__(
        self,
        outbox: Outbox,
        insider: Insider,
        dispatcher: Dispatcher,
        products: Mapping[str, object],
        *,
        database_every: float,
        accounts_every: float,
    ) -> None:
        self._outbox = outbox
        self._insider = insider
        self._dispatcher = dispatcher
        self._products = products
        self._database_every = database_every
        self._accounts_every = accounts_every
        self._accounts: dict[int, str] = {}
        self.stopping = False
        """Whether the service stops: it still answers, but nobody should be sent any more."""

    @property
    def ready(self) -> bool:
        """Whether people should be sent here."""
        return self._outbox.trouble is None and not self.stopping

    @property
    def database(self) -> str:
        """How the database is: `ok`, or why nothing can be stored."""
        return "ok" if self._outbox.trouble is None else f"unavailable: {self._outbox.trouble}"

    @property
    def insider_connect(self) -> Mapping[str, str]:
        """How each product's account is: `ok`, or why nothing can be delivered."""
        return {product: self._account(product) for product in self._products}

    def _account(self, product: str) -> str:
        kept_back = self._dispatcher.why_kept_back(product)
        return kept_back or self._accounts.get(self._insider.account_of(product), "not asked yet")

    async def watch(self) -> None:
        """Keep looking until cancelled."""
        accounts = {self._insider.account_of(product): product for product in self._products}
        await asyncio.gather(
            _every(self._database_every, self._watch_database),
            *(_every(self._accounts_every, partial(self._ask, *account)) for account in accounts.items()),
        )

    async def _watch_database(self) -> None:
        look = asyncio.create_task(self._look_at_database())
        done, _ = await asyncio.wait({look}, timeout=self._database_every)
        if not done:
            self._outbox.trouble = f"no answer within {self._database_every:g} s"
        await look

    async def _look_at_database(self) -> None:
        try:
            await (self._outbox.check_answers() if self._outbox.trouble is None else self._outbox.check_writable())
            self._outbox.trouble = None
        except OutboxUnavailable as error:
            self._outbox.trouble = str(error)

    async def _ask(self, account: int, product: str) -> None:
        if self._dispatcher.why_kept_back(product) is None:
            failure = await self._insider.check(product)
            self._accounts[account] = "ok" if failure is None else failure.reason


async def _every(seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await look()
        except Exception:
            log.exception("health.failed")  # whatever it was, the next look may tell
        await asyncio.sleep(seconds)
