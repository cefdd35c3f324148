"""Checks in the background how the database and the accounts are.

However often somebody asks for the result, no further check is made and nothing is written. What other processes found
out comes from the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial

import structlog

from widget.delivery.dispatch import Dispatcher
from widget.errors import OutboxUnavailable
from widget.files.clamav import Scanner, ScannerUnavailable
from widget.insider.client import Insider
from widget.insider.outcomes import Misconfigured
from widget.outbox.accounts import Accounts, AccountState, Overview
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.delivery.health")

_PATIENCE = 3.0
"""Seconds that the database or the scanner may take to answer, however often they are asked."""


class Health:
    """The state of the database and of the accounts of `products`.

    The database is checked every `database_every` seconds, which writes nothing while all is well. A failure that a
    submission meets counts at once. Every `accounts_every` seconds, the scanner is checked, and each account gets a
    token, unless it has one or a due row will find out whether its gate may open.
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
        self.scanner: str | None = "not checked yet" if scanner else None
        """The state of the virus scanner; None without one."""
        self._book = Accounts(outbox.backend)
        self.overview = Overview({}, {}, {})
        """What the database knew at the last check."""
        self.stopping = False
        """Whether the service is stopping. It still answers, but should get no new requests."""

    @property
    def ready(self) -> bool:
        """Whether the service should get requests."""
        return self._outbox.trouble is None and not self.stopping

    @property
    def database(self) -> str:
        """The state of the database: `ok`, or why nothing can be stored."""
        return "ok" if self._outbox.trouble is None else f"unavailable: {self._outbox.trouble}"

    @property
    def insider_connect(self) -> Mapping[str, str]:
        """The state of each product's account: `ok`, or why nothing can be delivered."""
        return {product: self._account(product) for product in self._products}

    def _account(self, product: str) -> str:
        noted = self.overview.accounts.get(product)
        why = self._dispatcher.why_kept_back(product) or (noted.reason if noted else None)
        return why or self._accounts.get(self._insider.account_of(product), "not checked yet")

    @property
    def delivers(self) -> bool:
        """Whether feedback arrives, as far as is known. Monitors that want to know of an outage ask for it."""
        hows = (self.scanner or "ok", *self.insider_connect.values())
        return self.ready and all(how in ("ok", "not checked yet") for how in hows)

    async def watch(self) -> None:
        """Keep checking until cancelled."""
        accounts = {self._insider.account_of(product): product for product in self._products}
        await asyncio.gather(
            _every(self._database_every, self._watch_database),
            *(_every(self._accounts_every, partial(self._ask, *account)) for account in accounts.items()),
            *([_every(self._accounts_every, partial(self._ask_scanner, self._scanner))] if self._scanner else []),
        )

    async def _watch_database(self) -> None:
        look = asyncio.create_task(self._look_at_database())
        done, _ = await asyncio.wait({look}, timeout=_PATIENCE)
        if not done:
            self._outbox.trouble = f"no answer within {_PATIENCE:g} s"
        await look

    async def _look_at_database(self) -> None:
        try:
            trouble = self._outbox.trouble
            await (self._outbox.check_answers() if trouble is None else self._outbox.check_writable())
            if self._outbox.trouble == trouble:  # else it is of a later moment than this check
                self._outbox.trouble = None
            self.overview = await self._book.overview(self._products)
        except OutboxUnavailable as error:
            self._outbox.trouble = str(error)

    async def _ask(self, account: int, product: str) -> None:
        if self._dispatcher.why_kept_back(product) is not None:
            self._accounts.pop(account, None)  # what was found before the gate shut is no news once it opens
            await self._dispatcher.probe_without_row(product)
            return
        noted = self.overview.accounts.get(product)
        sharing = [other for other in self._products if self._insider.account_of(other) == account]
        # If nothing is about to be tried, no delivery would notice that an outage is over.
        is_idle = noted is not None and noted.reason is not None and await self._is_quiet(noted, sharing)
        failure = await self._insider.check(product, renew=is_idle)
        state = "ok" if failure is None else failure.reason
        if isinstance(failure, Misconfigured) and self._accounts.get(account) != state:
            log.error("credentials.refused", product=product, reason=state)
        self._accounts[account] = state
        if failure is None:
            if is_idle and self._dispatcher.why_kept_back(product) is None:  # no call has failed meanwhile
                await self._book.note(sharing, None)
        elif noted is None or noted.reason != failure.reason:  # nobody may have sent anything that would show it
            await self._book.note(sharing, failure.reason, misconfigured=isinstance(failure, Misconfigured))

    async def _is_quiet(self, noted: AccountState, sharing: Collection[str]) -> bool:
        """Whether no row of the products `sharing` an account is tried now or before the next check. A single call
        whose outcome is unknown would otherwise count as an outage until its row is tried again. While files are not
        taken, the rows that wait for that are put off for as long."""
        if noted.is_about_files:
            return self.overview.waiting.keys().isdisjoint(sharing)
        due_in = await self._outbox.next_due_in([product for product in self._products if product not in sharing])
        is_later = due_in is None or due_in > self._accounts_every
        return is_later and not await self._outbox.is_sending(sharing)

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
        except OutboxUnavailable:
            pass  # the check of the database says so
        except Exception:
            log.exception("health.failed")  # whatever it was, there is a next check
        await asyncio.sleep(seconds)
