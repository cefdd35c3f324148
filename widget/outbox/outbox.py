"""Submissions that Insider Connect has not confirmed yet.

`add` returns once the row and its files are on stable storage, so what was accepted survives a crash. A claim lasts for
a lease. The intent that is committed with it tells a later process that the outcome of a POST is `unknown`, so that no
create is repeated silently. Every outcome names its claim, and is not written if the claim was lost. `delivery` decides
when to try and whom to call.
"""

import asyncio
import contextlib
import math
import uuid
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Any

import structlog
from sqlalchemy import Connection, Executable

from widget.errors import ConfigurationError, OutboxFull, OutboxUnavailable, OutboxUnusable, Problem, RowUnreadable
from widget.outbox import rows, sealing
from widget.outbox.backend import Backend, terms_of
from widget.outbox.events import Events
from widget.outbox.migrations import check, check_not_newer, migrate
from widget.outbox.model import Due, SubmissionStatus, Transition, Work
from widget.outbox.outage import Outage
from widget.outbox.statements import statements
from widget.outbox.tables import NOBODY
from widget.submissions.model import Submission

log = structlog.get_logger("widget.outbox")

LEASE = 120.0
"""Seconds that a claim lasts. A POST takes 90 seconds at most, so the claim outlasts it."""
_FIRST_ATTEMPT = 3.0
"""Seconds that a submission or a receipt waits for the first attempt to open the outbox."""
_SPARED = 1 / 8
"""The share of the room that a product leaves free while nothing of other products waits."""
_TWICE = ", with its sender's counted twice"
_CLAIM_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between attempts to claim a row while the database is unavailable; the last is repeated."""
_Claiming = Callable[[], Awaitable[Sequence[Work]]]


class Outbox:
    """The rows on a `backend`.

    `lease` is in seconds. `max_pending` bytes of attachments may wait for delivery, and `max_quarantine` bytes for the
    operator; above that, submissions with attachments are refused. If several products `share` the outbox, none of them
    can use all of the room. With `keep_context` the context outlasts the delivery; everything else that is personal is
    erased. `events` are the products that receive an event when a submission ends.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        lease: float = LEASE,
        max_pending: float = math.inf,
        max_quarantine: float = math.inf,
        share: bool = False,
        keep_context: bool = False,
        events: Collection[str] = (),
    ) -> None:
        self.backend = backend
        self.lease = lease
        self._alone_up_to = max_pending * (1 - _SPARED if share else 1)
        self._max_pending = max_pending
        self._max_quarantine = max_quarantine
        self.trouble: str | None = "it is not open yet"
        """Why the last attempt to store failed; None if it succeeded."""
        self.outage = Outage()
        """What deliveries find of the database."""
        self._is_open = False
        self._was_tried = asyncio.Event()
        """Set once the first attempt to open it has ended."""
        self._keyring = backend.keyring
        self._events = Events(backend, events)
        self.has_news = asyncio.Event()
        """Set when this process has queued an event, to wake the sender."""
        self._statements = statements(terms_of(backend), lease, keep_context)

    async def open(self) -> None:
        """Connect, and remove files that no row names. Raises ConfigurationError unless the schema is this release's
        and every row can be read.

        A process that has the database to itself upgrades it; with several, `migrate` does. May be repeated after
        OutboxUnavailable. Until it succeeds, every other method raises that. `_add` and `status` wait for the first
        attempt, so that a service that restarts turns nobody away.
        """
        try:
            await self.backend.open()
            await self.backend.write_alone(migrate if self.backend.alone else check)
            await self.backend.read(lambda c: sealing.check(c, self._keyring))
            known = await self.backend.read(lambda c: set(c.scalars(self._statements.blobs)))
            await self.backend.erase(sorted(await self.backend.strays() - known))
        except OutboxUnusable as error:
            self.trouble = str(error)
            raise _unusable(error) from error
        except (ConfigurationError, OutboxUnavailable) as error:
            self.trouble = str(error)
            raise
        else:
            self.trouble, self._is_open = None, True
        finally:
            self._was_tried.set()

    async def open_beside(self, *, all_readable: bool = True) -> None:
        """Connect beside a process that serves, and change nothing. Raises ConfigurationError as `open` does, without
        `all_readable` not for rows that no listed key can decrypt."""
        await self.backend.open(exclusive=False)
        await self.backend.read(check)
        if all_readable:
            await self.backend.read(lambda c: sealing.check(c, self._keyring))
        self.trouble, self._is_open = None, True

    async def try_opening(self) -> None:
        """Raises what `open` would, beside a process that serves. Changes nothing."""
        if not self.backend.is_begun():
            return
        await self.backend.open(exclusive=False)
        await self.backend.read(check_not_newer if self.backend.alone else check)
        await self.backend.read(lambda c: sealing.check(c, self._keyring))

    async def _until_open(self) -> None:
        """Wait while the first attempt to open it is under way. Raises OutboxUnavailable if it is not open then."""
        if not self._is_open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_ATTEMPT):
                    await self._was_tried.wait()
            self.check_open()

    def check_open(self) -> None:
        """Raises OutboxUnavailable until it is open."""
        if not self._is_open:
            raise OutboxUnavailable(self.trouble or "it is not open yet")

    async def close(self) -> None:
        """Release the database."""
        await self.backend.close()

    async def migrate(self) -> None:
        """Connect, and create or upgrade the tables. Raises ConfigurationError if the role has no right to."""
        try:
            await self.backend.open(exclusive=False)
            await self.backend.write_alone(migrate)
        except OutboxUnusable as error:
            raise _unusable(error) from error

    async def add(self, new: Submission, *, held: str | None = None) -> bool:
        """Store a submission for good. Returns False, and stores nothing, if its id is known already, or the identity
        that may be used only once.

        With `held`, a reason, it is not delivered until the operator releases it. Raises OutboxFull.
        """
        begin = {"state": "queued", "attempts": 0, "claim": None, "intent": None, "delay": None if held else 0.0}
        return await self._add(new, begin, held) is not None

    async def add_claimed(self, new: Submission, claim: str) -> Work | None:
        """Store a submission as `add` does, and claim it in the same commit, under this name. None where `add` returns
        False. After OutboxUnavailable, `claimed` tells whether only the answer to the commit was lost."""
        begin = {"state": "sending", "attempts": 1, "claim": claim, "intent": "create", "delay": self.lease}
        blobs = await self._add(new, begin)
        return None if blobs is None else rows.work_of_new(new, claim, blobs, self._keyring.newest)

    async def _add(self, new: Submission, begin: Mapping[str, Any], held: str | None = None) -> Sequence[str] | None:
        """Store a submission whose row begins like this. Returns the names of its blobs; None if it is known."""
        await self._until_open()
        row, files = rows.new(new, self._keyring)
        row |= {**begin, "held_for": held}

        def store(connection: Connection, blobs: Sequence[str]) -> bool:
            if connection.execute(self._statements.add, row).rowcount == 0:
                return False
            if files:
                self._check_room(connection, new, held is not None, sum(file.size for file in new.attachments))
                named = [file | {"blob": blob} for file, blob in zip(files, blobs, strict=True)]
                connection.execute(self._statements.add_attachment, named)
            return True

        def look_again(connection: Connection) -> None:
            """Others may have taken the same room meanwhile. By now, its own files are among those that wait."""
            self._check_room(connection, new, held is not None, 0)

        try:
            # A client that disconnects must not leave half a submission behind.
            blobs = await asyncio.shield(self.backend.keep(new.attachments, store, look_again))
        except OutboxFull:
            raise
        except OutboxUnavailable as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        return blobs

    async def pending_bytes(self) -> dict[str, float]:
        """The bytes of attachments that wait for delivery, by product."""
        rows = await self.backend.read(lambda c: c.execute(self._statements.kept_bytes).all())
        return {product: float(total) for product, is_waiting, total in rows if is_waiting}

    def _check_room(self, connection: Connection, new: Submission, held: bool, size: int) -> None:
        """Raises OutboxFull unless there is room for `size` bytes more. What waits for delivery and what waits for the
        operator have separate room. A product gets half of the first while others wait, and always leaves enough for
        another product to begin. A sender may have as much in either as is left for others."""
        waiting: Counter[str] = Counter()
        quarantined = 0
        for product, is_waiting, total in connection.execute(self._statements.kept_bytes):
            if is_waiting:
                waiting[product] = total
            else:
                quarantined += total
        kept, most = (quarantined, self._max_quarantine) if held else (waiting.total(), self._max_pending)
        is_scarce = kept + size > most / 2  # before, nobody can have too much
        theirs = self._kept_bytes_of(connection, new.beside if is_scarce else ())
        if held:
            wanted = quarantined + size + theirs[False]
            _check(wanted, self._max_quarantine, f"kept for the operator{_TWICE}", "QUARANTINE_BYTES")
            return
        _check(waiting.total() + size + theirs[True], self._max_pending, f"waiting{_TWICE}")
        if waiting.keys() - {new.product}:
            _check(waiting[new.product] + size, self._max_pending / 2, f"waiting for {new.product} beside others")
        else:
            _check(waiting[new.product] + size, self._alone_up_to, f"waiting for {new.product} alone")

    def _kept_bytes_of(self, connection: Connection, ids: Sequence[str]) -> Counter[bool]:
        """The bytes of attachments of some rows, by whether they wait for delivery or for the operator."""
        found = connection.execute(self._statements.kept_bytes_of, {"ids": ids}).all() if ids else ()
        return Counter({bool(is_waiting): total for is_waiting, total in found})

    async def due(self, limit: int, shut: Collection[str] = (), *, of_late: bool = False) -> Sequence[Due]:
        """The rows that may be tried now, the longest due first, or last if `of_late`; without the products in
        `shut`."""
        values = {"limit": limit, "shut": list(shut)}
        statement = self._statements.due_of_late if of_late else self._statements.due
        return await self.backend.read(lambda c: [Due(*row) for row in c.execute(statement, values)])

    async def next_due_in(self, shut: Collection[str] = ()) -> float | None:
        """Seconds until a row becomes due, without the products in `shut`; None if none waits."""
        values = {"shut": list(shut)}
        return await self.backend.read(lambda c: c.scalar(self._statements.next_due, values))

    async def is_sending(self, products: Collection[str]) -> bool:
        """Whether a row of one of the products is being sent, by whichever process."""
        values = {"products": list(products)}
        return bool(await self.backend.read(lambda c: c.scalar(self._statements.is_sending, values)))

    async def claim(self, submission_id: str) -> Work | None:
        """Claim a row that is due for the time of the lease, with the intent to make its next POST. None if it cannot
        be claimed. Tries again while the database is unavailable."""
        values = {"an_id": submission_id, "new_claim": uuid.uuid4().hex}
        claiming = partial(self._claim, self._statements.claim, values)
        works = await self._surely(claiming, claiming)
        return works[0] if works else None

    async def claimed(self, claims: Sequence[str]) -> Sequence[Work]:
        """The rows that were claimed under these names. Raises OutboxUnavailable."""
        return await self._claim(self._statements.claimed, {"claims": list(claims)})

    async def claim_due(self, limit: int, products: Collection[str]) -> Sequence[Work]:
        """Claim rows of `products` that are due, the longest due first, as `claim` does."""
        claim = uuid.uuid4().hex
        values = {"limit": limit, "open": list(products), "new_claim": claim}
        claiming = partial(self._claim, self._statements.claim_due, values)
        return await self._surely(claiming, partial(self.claimed, [claim]))

    async def _surely(self, claiming: _Claiming, again: _Claiming) -> Sequence[Work]:
        """Claim rows, and while the database is unavailable, try `again` with the same claim: if only the answer to a
        commit was lost, the rows are ours, and would become `unknown` if we left them."""
        for pause in _claim_pauses(self.lease):
            try:
                return await claiming()
            except OutboxUnavailable as error:
                self.outage.note(str(error))
                claiming = again
                await asyncio.sleep(pause)
        return await claiming()

    async def _claim(self, statement: Executable, values: Mapping[str, Any]) -> Sequence[Work]:
        works, damaged = await self.backend.write(lambda c: self._take(c, statement, values))
        for submission_id, reason in damaged.items():
            self.has_news.set()
            log.error("submission.damaged", submission=submission_id, reason=reason)
        return works

    def _take(
        self, connection: Connection, statement: Executable, values: Mapping[str, Any]
    ) -> tuple[Sequence[Work], Mapping[str, str]]:
        """The claimed rows, and why the others are damaged. Damaged rows are set aside for the operator: they are not
        retried, and hold up no other row."""
        found = connection.execute(statement, values).all()
        files: defaultdict[str, list[rows.Found]] = defaultdict(list)
        if with_files := [row.id for row in found if row.files != 0]:
            for file in connection.execute(self._statements.pending, {"ids": with_files}):
                files[file.submission_id].append(file)
        works: list[Work] = []
        damaged: dict[str, str] = {}
        for row in found:
            try:
                works.append(rows.work(row, files[row.id], self._keyring))
            except RowUnreadable as error:
                damaged[row.id] = str(error)
                connection.execute(self._statements.set_aside, {"an_id": row.id, "why": str(error)})
                self._events.put(connection, row.id, row.product, "refused", row.feedback_id, row.rating)
        return works, damaged

    async def postpone(self, submission_id: str, delay: float, error: str) -> None:
        """Delay a row that is due and unclaimed by `delay` seconds, without spending an attempt."""
        values = {"an_id": submission_id, "delay": delay, "error": error}
        await self.backend.write(lambda c: c.execute(self._statements.postpone, values))

    async def record(self, work: Work, transition: Transition) -> SubmissionStatus | None:
        """Write the outcome of a claimed row. Returns its new status, without files while it is `sending`; None, and
        nothing is written, if the claim was lost."""
        seal = partial(self._keyring.seal, work.data_key, work.id)
        values = rows.outcome(work, transition, self.lease, seal)
        files = rows.outcomes_of_files(work, transition, seal)
        feedback_id = work.feedback_id if transition.feedback_id is None else transition.feedback_id

        def store(connection: Connection) -> tuple[SubmissionStatus | None, Sequence[str]]:
            row = connection.execute(self._statements.record, values).one_or_none()
            if row is None:
                return None, ()
            if files:
                connection.execute(self._statements.record_attachment, files)
            self._events.put(connection, work.id, work.product, transition.state, feedback_id, work.feedback.rating)
            blobs: Sequence[str] = ()
            if transition.state == "delivered" and work.has_files:
                blobs = connection.scalars(self._statements.blobs_of, {"an_id": work.id}).all()
            if blobs:
                connection.execute(self._statements.forget_attachments, {"an_id": work.id})
            return self._status(connection, row, has_files=work.has_files and transition.state != "sending"), blobs

        status, erased = await self.backend.write(store)
        if status and self._events.wants(work.product, transition.state):
            self.has_news.set()
        if erased:
            await self.backend.erase(erased)
        return status

    async def recover(
        self, hold: float | None, *, everything: bool = False, running: Collection[str] = ()
    ) -> Sequence[str]:
        """Mark rows that were left in the middle of a POST as `unknown`. Returns their ids.

        `hold` is in seconds, None to park. `everything` ends all leases first, for a process that is alone. `running`
        are the caller's own rows: even if the clock jumped, it knows whether they are still being sent.
        """
        values = {"hold": hold, "parked": hold is None, "running": list(running)}

        def mark(connection: Connection) -> Sequence[str]:
            if everything:
                connection.execute(self._statements.end_leases)
            return connection.scalars(self._statements.recover, values).all()

        return await self.backend.write_alone(mark)

    async def hasten(self, longest: float) -> int:
        """Make rows due that would wait for more than `longest` seconds. No row is ever delayed that much, so the clock
        was ahead and has been set back. Returns how many."""
        values = {"longest": longest}
        return await self.backend.write_alone(lambda c: c.execute(self._statements.hasten, values).rowcount)

    async def status(self, submission_id: str) -> SubmissionStatus | None:
        """The status of a submission; None if it is not known."""
        await self._until_open()

        def look(connection: Connection) -> SubmissionStatus | None:
            row = connection.execute(self._statements.status, {"an_id": submission_id}).one_or_none()
            return None if row is None else self._status(connection, row)

        return await self.backend.read(look)

    def _status(self, connection: Connection, row: rows.Found, *, has_files: bool = True) -> SubmissionStatus:
        files = connection.execute(self._statements.attachments, {"an_id": row.id}).all() if has_files else ()
        return rows.status(row, files, self._keyring)

    async def check_answers(self) -> None:
        """Raises OutboxUnavailable unless the database answers, has room, takes writes and is not locked. Writes
        nothing."""
        self.check_open()

        def look(connection: Connection, _: Sequence[str]) -> bool:
            if not connection.scalar(self._statements.takes_writes):
                raise OutboxUnavailable("the database is read-only")
            return True

        await self.backend.keep((), look)

    async def check_writable(self) -> None:
        """Raises OutboxUnavailable unless a submission could be stored now.

        Commits a row that is inserted and removed: without a change, nothing would be written. Nothing counts that row,
        so one that is counted is inserted before it, and rolled back.
        """
        self.check_open()
        probe = {"an_id": f"probe-{uuid.uuid4().hex[:26]}"}

        def write(connection: Connection, _: Sequence[str]) -> bool:
            counted = connection.begin_nested()
            connection.execute(self._statements.probe, probe | {"product": "counted"})
            counted.rollback()
            connection.execute(self._statements.probe, probe | {"product": NOBODY})
            connection.execute(self._statements.remove, probe)
            return True

        await self.backend.keep((), write)


def _unusable(error: OutboxUnusable) -> ConfigurationError:
    return ConfigurationError([Problem("DATABASE_URL", f"cannot be used: {error}")])


def _claim_pauses(lease: float) -> Iterator[float]:
    """Seconds to wait between attempts to claim a row, until `lease` is over and the row is no longer ours."""
    waited = 0.0
    for pause in chain(_CLAIM_PAUSES, repeat(_CLAIM_PAUSES[-1])):
        waited += pause
        if waited > lease:
            return
        yield pause


def _check(size: float, limit: float, what: str, setting: str = "PENDING_BYTES") -> None:
    if size > limit:
        raise OutboxFull(f"{size:.0f} bytes of attachments would be {what}, {limit:.0f} may", setting)
