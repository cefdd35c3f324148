"""What has outlived its time in the outbox, and goes.

A submission that did not get through keeps what was said for a set time, for the operator to put it back; then that is
erased, and the row stays with its state. What a delivered one keeps, where the operator wants that, is what the host
page told; after a set time that goes, too. The row of a delivered one, which holds nothing of the kind, is removed once
its receipt has run out and its form token would no longer be believed: until then it makes a repeat known as one.
"""

import math
from collections.abc import Sequence

import structlog
from sqlalchemy import Connection, Delete, Update, and_, delete, literal, select, update

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
    form token may be believed, `held_files` how long the files of a held submission stay.
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
        await self._drop_held_files()
        if contexts := await self._all(self._forget_context):
            log.info("retention.context_erased", rows=contexts)
        if removed := await self._all(self._remove):
            log.info("retention.removed", rows=removed)

    async def _drop_held_files(self) -> None:
        """Remove the files of what is held for long: most of it is a program's."""

        def drop(connection: Connection) -> tuple[Sequence[str], Sequence[str]]:
            ids = connection.scalars(self._held_files).all()
            return ids, drop_files(connection, ids)

        ids, blobs = await self._backend.write(drop)
        await self._backend.erase(blobs)
        if ids:
            log.info("retention.held_files_erased", rows=len(ids), files=len(blobs))

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
