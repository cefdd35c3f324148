"""How the database and the accounts are, looked at in the background.

However often somebody wants to know, nobody is asked in turn and nothing is written. What other processes met comes
from the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from widget.delivery.dispatch import Dispatcher
from widget.errors import OutboxUnavailable
from widget.files.clamav import Scanner, ScannerUnavailable
from widget.insider.client import Insider
from widget.insider.outcomes import Misconfigured
from widget.outbox.accounts import Accounts, Overview
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.delivery.health")

_PATIENCE = 3.0
"""Seconds that the scanner may take."""


class Health:
    """What is known of the database and of the accounts of `products`.

    Every `database_every` seconds the database is looked at, which writes nothing while all is well; what a
    submission meets is known at once. Every `accounts_every` seconds each account is asked for a token, unless one is
    at hand, or its gate is shut and knows why; and the scanner whether it is there.
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
        scanner: Scanner | None = None,
    ) -> None:
        self._outbox = outbox
        self._insider = insider
        self._dispatcher = dispatcher
        self._products = products
        self._database_every = database_every
        self._accounts_every = accounts_every
        self._accounts: dict[int, str] = {}
        self._scanner = scanner
        self.scanner: str | None = "not asked yet" if scanner else None
        """How the virus scanner is; None without one."""
        self._book = Accounts(outbox.backend)
        self.overview = Overview({}, {}, {})
        """What the database knew when it was last looked at."""
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
        noted = self.overview.accounts.get(product)
        why = self._dispatcher.why_kept_back(product) or (noted.reason if noted else None)
        return why or self._accounts.get(self._insider.account_of(product), "not asked yet")

    @property
    def delivers(self) -> bool:
        """Whether feedback arrives, as far as is known: for monitors that want to know of an outage."""
        hows = (self.scanner or "ok", *self.insider_connect.values())
        return self.ready and all(how in ("ok", "not asked yet") for how in hows)

    async def watch(self) -> None:
        """Keep looking until cancelled."""
        accounts = {self._insider.account_of(product): product for product in self._products}
        await asyncio.gather(
            _every(self._database_every, self._watch_database),
            *(_every(self._accounts_every, partial(self._ask, *account)) for account in accounts.items()),
            *([_every(self._accounts_every, partial(self._ask_scanner, self._scanner))] if self._scanner else []),
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
            self.overview = await self._book.overview()
        except OutboxUnavailable as error:
            self._outbox.trouble = str(error)

    async def _ask(self, account: int, product: str) -> None:
        if self._dispatcher.why_kept_back(product) is not None:
            return
        noted = self.overview.accounts.get(product)
        # With nothing that waits, no delivery would find out that an outage is over.
        is_idle = noted is not None and noted.reason is not None and not self.overview.waiting
        failure = await self._insider.check(product, renew=is_idle)
        told = "ok" if failure is None else failure.reason
        if isinstance(failure, Misconfigured) and self._accounts.get(account) != told:
            log.error("credentials.refused", product=product, reason=told)
        self._accounts[account] = told
        if is_idle and failure is None:
            sharing = [other for other in self._products if self._insider.account_of(other) == account]
            await self._book.note(sharing, None)

    async def _ask_scanner(self, scanner: Scanner) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await scanner.ping()
            self.scanner = "ok"
        except TimeoutError:
            self.scanner = f"no answer within {_PATIENCE:g} s"
        except ScannerUnavailable as error:
            self.scanner = str(error)


async def _every(seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await look()
        except Exception:
            log.exception("health.failed")  # whatever it was, the next look may tell
        await asyncio.sleep(seconds)
