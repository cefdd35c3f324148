"""What has outlived its time in the outbox, and goes.

A submission that did not get through keeps what was said for a set time, for the operator to put it back; then that is
erased, and the row stays with its state. What a delivered one keeps, where the operator wants that, is what the host
page told; after a set time that goes, too. The row of a delivered one, which holds nothing of the kind, is removed once
its receipt has run out and its form token would no longer be believed: until then it makes a repeat known as one.
"""

import math
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection, Delete, Update, and_, delete, func, literal, select, update

from widget.outbox.backend import Backend
from widget.outbox.erasure import drop_files, erase
from widget.outbox.tables import LEFT_STATES, WAITING_STATES, attachment, submission

log = structlog.get_logger("widget.retention")

BATCH = 500
"""Rows in one transaction, so that nobody waits for long behind it."""
MAX_BATCHES = 20
"""Transactions in one sweep; what is left then is the next one's."""


class Retention:
    """Erases and removes on `backend`. All periods in seconds.

    `kept` is how long a submission that ended otherwise than delivered keeps what was said, `contexts` how long a
    delivered one keeps what the host page told, `receipts` how long a receipt can be looked at, `tokens` how long a
    form token may be believed, `held_files` how long the files of a held submission stay. `max_quarantine` is in bytes:
    of what waits for the operator, no more of attachments than this is kept.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        kept: float,
        receipts: float,
        tokens: float,
        contexts: float = 0,
        held_files: float = math.inf,
        max_quarantine: float = math.inf,
    ) -> None:
        s, now = submission.c, backend.now
        self._backend = backend
        self._kept = kept
        waiting = s.state.in_([literal(state, literal_execute=True) for state in WAITING_STATES])
        left = s.state.in_([literal(state, literal_execute=True) for state in LEFT_STATES])
        self._outlived = select(s.id).where(left, s.ended_at < now - kept, s.email.is_not(None)).limit(BATCH)
        self._give_up_held = (  # nobody released it; from now on it is like whatever was given up so long ago
            update(submission)
            .where(waiting, s.due_at.is_(None), s.held_for.is_not(None), s.accepted_at < now - kept)
            .values(state="discarded", due_at=None, held_for=None, ended_at=s.accepted_at)
        )
        a = attachment.c
        has_files = select(a.blob).where(a.submission_id == s.id, a.blob.is_not(None)).exists()
        is_held = and_(waiting, s.due_at.is_(None), s.held_for.is_not(None))
        long_held = s.accepted_at < now - min(held_files, kept)
        self._held_files = select(s.id).where(is_held, long_held, has_files).limit(BATCH)
        self._max_quarantine = max_quarantine
        is_quarantined = and_(a.blob.is_not(None), s.due_at.is_(None), s.state != "sending")
        joined = submission.join(attachment, a.submission_id == s.id)
        self._quarantined_bytes = select(func.sum(a.size)).select_from(joined).where(is_quarantined)
        # Nobody can know of an `unknown` one whether it arrived: its files may be all that is left of them.
        self._quarantined = (
            select(s.id, func.sum(a.size))
            .select_from(joined)
            .where(is_quarantined, s.state != "unknown")
            .group_by(s.id, s.accepted_at, s.held_for)
            .order_by(s.held_for.is_(None), s.accepted_at)
            .limit(BATCH)
        )
        delivered = s.state == literal("delivered", literal_execute=True)
        told = select(s.id).where(delivered, s.context.is_not(None), s.ended_at < now - contexts).limit(BATCH)
        self._forget_context = update(submission).where(s.id.in_(told.scalar_subquery())).values(context=None)
        run_out = select(s.id).where(delivered, s.ended_at < now - receipts, s.accepted_at < now - tokens).limit(BATCH)
        self._remove = delete(submission).where(s.id.in_(run_out.scalar_subquery()))

    async def sweep(self) -> None:
        """Erase and remove what is over, and say so in the log. Raises OutboxUnavailable."""
        for _ in range(MAX_BATCHES):
            if await self._erase_some() < BATCH:
                break
        await self._drop_files(self._long_held, "retention.held_files_erased")
        await self._drop_files(self._beyond_quarantine, "retention.quarantine_full")
        if contexts := await self._all(self._forget_context):
            log.info("retention.context_erased", rows=contexts)
        if removed := await self._all(self._remove):
            log.info("retention.removed", rows=removed)

    async def _drop_files(self, which: Callable[[Connection], Sequence[str]], event: str) -> None:
        """Remove the files of rows that keep the rest."""

        def drop(connection: Connection) -> tuple[Sequence[str], Sequence[str]]:
            ids = which(connection)
            return ids, drop_files(connection, ids)

        ids, blobs = await self._backend.write(drop)
        await self._backend.erase(blobs)
        if ids:
            log.warning(event, rows=len(ids), files=len(blobs))

    def _long_held(self, connection: Connection) -> Sequence[str]:
        """What is held for long: most of it is a program's."""
        return connection.scalars(self._held_files).all()

    def _beyond_quarantine(self, connection: Connection) -> Sequence[str]:
        """What has to make room: what is held goes before what was refused, the oldest first."""
        excess = (connection.scalar(self._quarantined_bytes) or 0) - self._max_quarantine
        ids: list[str] = []
        for submission_id, size in connection.execute(self._quarantined) if excess > 0 else ():
            if excess <= 0:
                break
            ids.append(submission_id)
            excess -= size
        return ids

    async def _all(self, statement: Update | Delete) -> int:
        """Execute it batch by batch. Answers the rows."""
        rows = 0
        for _ in range(MAX_BATCHES):
            some = await self._backend.write(lambda c: c.execute(statement).rowcount)
            rows += some
            if some < BATCH:
                break
        return rows

    async def _erase_some(self) -> int:
        ids, blobs = await self._backend.write(self._erase)
        await self._backend.erase(blobs)
        for submission_id in ids:
            log.info("submission.erased", submission=submission_id, reason="retention", days=self._kept / 86400)
        return len(ids)

    def _erase(self, connection: Connection) -> tuple[Sequence[str], Sequence[str]]:
        connection.execute(self._give_up_held)
        ids = connection.scalars(self._outlived).all()
        return ids, erase(connection, ids, f"erased after {self._kept / 86400:g} days")
