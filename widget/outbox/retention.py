"""Erases and removes what has been in the outbox for long enough.

A submission that was not delivered keeps its content for a period, so that the operator can retry it. Then the content
is erased and the row keeps its state. A delivered submission keeps at most its context, for a period that the operator
sets. Its row is removed once the receipt has expired and the form token is no longer valid; until then the row
identifies repeats.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import structlog
from sqlalchemy import ColumnElement, Connection, Delete, Update, and_, delete, func, literal, select, update

from widget.outbox.backend import Backend
from widget.outbox.erasure import drop_files, erase
from widget.outbox.tables import (
    IS_RESTORED,
    KEEP_TEST,
    LEFT_STATES,
    RESTORED,
    WAITING_STATES,
    attachment,
    in_states,
    submission,
)

log = structlog.get_logger("widget.retention")

BATCH = 500
"""Rows in one transaction, so that no other transaction waits for long."""
MAX_BATCHES = 20
"""Transactions in one sweep; the next sweep continues."""


class Retention:
    """Erases and removes on `backend`. All periods are in seconds.

    `kept`: how long an undelivered submission keeps its content. `contexts`: how long a delivered one keeps its
    context. `receipts`: how long a receipt can be viewed. `tokens`: how long a form token can be valid. `held_files`:
    how long a held submission keeps its files. `max_quarantine`: the bytes of attachments that may wait for the
    operator.
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
        self._backend = backend
        self._kept = kept
        self._max_quarantine = max_quarantine
        self._statements = _statements(backend.now, kept, receipts, tokens, contexts, min(held_files, kept))

    async def sweep(self) -> None:
        """Erase and remove what is due, and log it. Raises OutboxUnavailable."""
        for _ in range(MAX_BATCHES):
            if await self._erase_some() < BATCH:
                break
        await self._drop_files(self._long_held, "retention.held_files_erased")
        await self._drop_files(self._beyond_quarantine, "retention.quarantine_full")
        if contexts := await self._all(self._statements.forget_context):
            log.info("retention.context_erased", rows=contexts)
        if removed := await self._all(self._statements.remove):
            log.info("retention.removed", rows=removed)

    async def _drop_files(self, which: Callable[[Connection], Sequence[str]], event: str) -> None:
        """Remove the files of some rows, which keep everything else."""

        def drop(connection: Connection) -> tuple[Sequence[str], Sequence[str]]:
            ids = which(connection)
            return ids, drop_files(connection, ids)

        ids, blobs = await self._backend.write_alone(drop)
        await self._backend.erase(blobs)
        if ids:
            log.warning(event, rows=len(ids), files=len(blobs))

    def _long_held(self, connection: Connection) -> Sequence[str]:
        """Rows that have been held for long."""
        return connection.scalars(self._statements.held_files).all()

    def _beyond_quarantine(self, connection: Connection) -> Sequence[str]:
        """Rows that lose their files to free space: held ones before refused ones, oldest first."""
        excess = (connection.scalar(self._statements.quarantined_bytes) or 0) - self._max_quarantine
        ids: list[str] = []
        for submission_id, size in connection.execute(self._statements.quarantined) if excess > 0 else ():
            if excess <= 0:
                break
            ids.append(submission_id)
            excess -= size
        return ids

    async def _all(self, statement: Update | Delete) -> int:
        """Execute a statement in batches. Returns the number of rows."""
        rows = 0
        for _ in range(MAX_BATCHES):
            some = await self._backend.write_alone(lambda c: c.execute(statement).rowcount)
            rows += some
            if some < BATCH:
                break
        return rows

    async def _erase_some(self) -> int:
        ids, blobs = await self._backend.write_alone(self._erase)
        await self._backend.erase(blobs)
        for submission_id in ids:
            log.info("submission.erased", submission=submission_id, reason="retention", days=self._kept / 86400)
        return len(ids)

    def _erase(self, connection: Connection) -> tuple[Sequence[str], Sequence[str]]:
        connection.execute(self._statements.give_up_held)
        ids = connection.scalars(self._statements.outlived).all()
        return ids, erase(connection, ids, f"erased after {self._kept / 86400:g} days")


class _Statements:
    """The statements, each of at most BATCH rows. All periods are in seconds."""

    def __init__(
        self,
        now: ColumnElement[float],
        kept: float,
        receipts: float,
        tokens: float,
        contexts: float,
        held_files: float,
    ) -> None:
        s, a = submission.c, attachment.c
        left, waiting = in_states(*LEFT_STATES), in_states(*WAITING_STATES)
        # A restored row may be the only copy, so it waits for as long as it takes.
        is_held = and_(waiting, s.due_at.is_(None), s.held_for.is_not(None), s.held_for != RESTORED)
        self.outlived = select(s.id).where(left, s.ended_at < now - kept, s.email.is_not(None)).limit(BATCH)
        self.give_up_held = (  # nobody released it, so it counts as discarded when it was accepted
            update(submission)
            .where(is_held, s.accepted_at < now - kept)
            .values(state="discarded", due_at=None, held_for=KEEP_TEST, ended_at=s.accepted_at)
        )
        has_files = select(a.blob).where(a.submission_id == s.id, a.blob.is_not(None)).exists()
        self.held_files = select(s.id).where(is_held, s.accepted_at < now - held_files, has_files).limit(BATCH)

        is_quarantined = and_(a.blob.is_not(None), s.due_at.is_(None), s.state != "sending", ~IS_RESTORED)
        joined = submission.join(attachment, a.submission_id == s.id)
        self.quarantined_bytes = select(func.sum(a.size)).select_from(joined).where(is_quarantined)
        # Nobody knows whether an `unknown` one arrived, so its files may be the only copy.
        self.quarantined = (
            select(s.id, func.sum(a.size))
            .select_from(joined)
            .where(is_quarantined, s.state != "unknown")
            .group_by(s.id, s.accepted_at, s.held_for)
            .order_by(s.held_for.is_(None), s.accepted_at)
            .limit(BATCH)
        )

        delivered = s.state == literal("delivered", literal_execute=True)
        shown = select(s.id).where(delivered, s.context.is_not(None), s.ended_at < now - contexts).limit(BATCH)
        self.forget_context = update(submission).where(s.id.in_(shown.scalar_subquery())).values(context=None)
        expired = select(s.id).where(delivered, s.ended_at < now - receipts, s.accepted_at < now - tokens).limit(BATCH)
        self.remove = delete(submission).where(s.id.in_(expired.scalar_subquery()))


_statements = lru_cache(_Statements)
