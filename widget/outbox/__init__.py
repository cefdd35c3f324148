"""Submissions that Insider Connect has not confirmed yet.

`add` returns once the row and its files are on stable storage, so what was accepted survives a crash. A claim lasts
for a lease; the intent that is committed with it tells a later process that the outcome of a POST is `unknown`, so
that no create is repeated in silence. Every outcome names its claim: when it was lost, nothing is written. When to
try and whom to call is left to `delivery`.
"""

import asyncio
import math
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Connection,
    Row,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from widget.errors import OutboxFull, OutboxUnavailable
from widget.outbox.backend import Backend
from widget.outbox.erasure import SAID
from widget.outbox.migrations import check, migrate
from widget.outbox.tables import WAITING_STATES, attachment, submission
from widget.submissions.model import Feedback, Submission

__all__ = ["Outbox", "Pending", "Standing", "StoredAttachment", "Verdict", "Work"]

LEASE = 120.0
"""Seconds that a claim holds. No POST may take longer than 90, so a claim outlives what it is for."""
_CLAIM_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between two tries to claim a row while the database is away."""

Status = Literal["waiting", "attached", "refused"]
_ATTACHMENT = ("submission_id", "position", "name", "media_type", "size", "note", "blob")
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Pending:
    """A file on its way: where its bytes are, and how it is announced."""

    position: int
    name: str
    media_type: str
    size: int
    blob: str


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed submission. `age` is in seconds, from when it was accepted or put back by the operator; `feedback_id`
    is None until the create is confirmed."""

    id: str
    product: str
    claim: str
    age: float
    attempts: int
    feedback: Feedback
    feedback_id: int | None
    pending: tuple[Pending, ...]
    separately: bool
    possible_duplicate: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a claimed row.

    `state` "sending" keeps the claim and renews the lease: the next POST follows. `delay` is in seconds from now,
    None for a row that is not tried by itself. `error` is for the operator, `told` are Insider Connect's own words, fit
    to be shown. `attachments` holds what is now known of files, by position, and `notes` what was found in them.
    """

    state: Literal["sending", "queued", "unknown", "delivered", "refused"]
    delay: float | None = None
    error: str | None = None
    told: str | None = None
    feedback_id: int | None = None
    attachments: Mapping[int, tuple[Status, str | None]] = field(default_factory=dict)
    notes: Mapping[int, str] = field(default_factory=dict)
    separately: bool = False
    possible_duplicate: bool = False
    attempt_spent: bool = True

    @property
    def is_over(self) -> bool:
        """Whether it is not tried by itself any more."""
        return self.state in ("delivered", "refused") or (self.state == "unknown" and self.delay is None)


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """What may be told of a file: its name, and how it fared."""

    name: str
    status: Status
    message: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a submission stands: what its receipt may tell. Times are Unix seconds."""

    id: str
    product: str
    state: str
    accepted_at: float
    ended_at: float | None
    feedback_id: int | None
    told: str | None
    attachments: tuple[StoredAttachment, ...]


class Outbox:
    """The rows, on whatever `backend` they lie.

    `lease` is in seconds. `max_pending` is in bytes: so much of attachments may wait, and beyond that a submission
    that has some is turned away. With `keep_context` what the host page told outlasts the delivery; all else that is
    personal is erased with it.
    """

    def __init__(
        self, backend: Backend, *, lease: float = LEASE, max_pending: float = math.inf, keep_context: bool = False
    ) -> None:
        self.backend = backend
        self.lease = lease
        self._max_pending = max_pending
        self._statements = _Statements(backend, lease, keep_context)

    async def open(self) -> None:
        """Connect, and forget files that no row names. Raises ConfigurationError unless the schema is this release's.

        A process that has the database to itself brings it up to date; several leave that to `migrate`.
        """
        await self.backend.open()
        await self.backend.write(migrate if self.backend.alone else check)
        known = await self.backend.read(lambda c: set(c.scalars(self._statements.blobs)))
        await self.backend.erase(sorted(await self.backend.strays() - known))

    async def close(self) -> None:
        """Let go of the database."""
        await self.backend.close()

    async def migrate(self) -> None:
        """Connect, and create the tables or bring them up to date."""
        await self.backend.open(exclusive=False)
        await self.backend.write(migrate)

    async def add(self, new: Submission, *, head_start: float = 0.0, held: str | None = None) -> bool:
        """Store a submission for good. False, and nothing is stored, when its id is known already.

        `head_start` is in seconds: for so long the engine leaves the row to the asker. With `held`, a reason, it is
        not delivered until the operator releases it. Raises OutboxFull.
        """
        # Who leaves half-way must not leave half a submission.
        return await asyncio.shield(self._add(new, head_start, held))

    async def _add(self, new: Submission, head_start: float, held: str | None) -> bool:
        row = {
            "id": new.id,
            "product": new.product,
            "why_held": held,
            "description": new.feedback.description,
            "email": new.feedback.email,
            "rating": new.feedback.rating,
            "consent": new.feedback.consent,
            "consent_version": new.consent_version,
            "context": new.context,
        }
        files = [
            {
                "submission_id": new.id,
                "position": position,
                "name": file.name,
                "media_type": file.media_type,
                "size": file.size,
                "note": file.note,
            }
            for position, file in enumerate(new.attachments)
        ]

        def store(connection: Connection, blobs: Sequence[str]) -> None:
            connection.execute(self._statements.add, row)
            if files:
                self._check_room(connection, sum(file.size for file in new.attachments))
                named = [file | {"blob": blob} for file, blob in zip(files, blobs, strict=True)]
                connection.execute(self._statements.add_attachment, named)
            if held is None:
                self.backend.enqueue(connection, [new.id], head_start)

        try:
            await self.backend.keep(new.attachments, store)
        except IntegrityError:
            return False
        return True

    def _check_room(self, connection: Connection, size: int) -> None:
        if math.isfinite(self._max_pending):
            pending: int = connection.execute(self._statements.pending_bytes).scalar_one()
            if pending + size > self._max_pending:
                raise OutboxFull(f"{pending} bytes of attachments wait already, {self._max_pending:.0f} may")

    async def due(self, limit: int, shut: Collection[str] = ()) -> Sequence[str]:
        """The ids of rows that may be tried now, longest due first, without the products in `shut`."""
        values = {"limit": limit, "shut": list(shut)}
        return await self.backend.read(lambda c: c.scalars(self._statements.due, values).all())

    async def next_due_in(self, shut: Collection[str] = ()) -> float | None:
        """Seconds until a row becomes due, without the products in `shut`; None when none waits."""
        values = {"shut": list(shut)}
        return await self.backend.read(lambda c: c.scalar(self._statements.next_due, values))

    async def enqueue_due(self, limit: int, shut: Collection[str] = ()) -> int:
        """Tell the engine of rows that are due, longest due first, without the products in `shut`.

        Answers how many of them it did not know of; so losing all that it knew loses nothing.
        """
        values = {"limit": limit, "shut": list(shut)}
        try:
            return await self.backend.write(
                lambda c: self.backend.enqueue(c, c.scalars(self._statements.due, values).all())
            )
        except IntegrityError:  # another process told it of the same rows at the same moment
            return 0

    async def claim(self, submission_id: str) -> Work | None:
        """Take a row that is due, for as long as the lease, with the intent to make its next POST.

        While the database is away it is tried again, with the same claim: when a commit's answer was lost, the row is
        ours if that commit was made, and must not be left to be called unknown.
        """
        values = {"an_id": submission_id, "new_claim": uuid.uuid4().hex}
        for pause in _CLAIM_PAUSES:
            try:
                return await self.backend.write(lambda c: self._claim(c, values))
            except OutboxUnavailable:
                await asyncio.sleep(pause)
        return await self.backend.write(lambda c: self._claim(c, values))

    def _claim(self, connection: Connection, values: dict[str, str]) -> Work | None:
        row = connection.execute(self._statements.claim, values).one_or_none()
        if row is None:
            return None
        self.backend.dequeue(connection, row.id)
        files = connection.execute(self._statements.pending, {"an_id": row.id}).all()
        return _work(row, files)

    async def record(self, work: Work, verdict: Verdict) -> bool:
        """Write what became of a claimed row. False, and nothing is written, when the claim was lost."""
        delivered = verdict.state == "delivered"
        values = {
            "an_id": work.id,
            "held": work.claim,
            "new_state": verdict.state,
            "kept_claim": work.claim if verdict.state == "sending" else None,
            "next_intent": "attach" if verdict.state == "sending" else None,
            "delay": self.lease if verdict.state == "sending" else verdict.delay,
            "error": verdict.error,
            "words": verdict.told,
            "kept_id": verdict.feedback_id,
            "one_by_one": verdict.separately,
            "maybe_twice": verdict.possible_duplicate,
            "given_back": 0 if verdict.attempt_spent else 1,
            "over": verdict.is_over,
            "delivered": delivered,
        }
        files = [
            {
                "an_id": work.id,
                "at": position,
                "new_status": status,
                "why": message,
                "found": verdict.notes.get(position),
            }
            for position, (status, message) in verdict.attachments.items()
        ]

        def store(connection: Connection) -> Sequence[str] | None:
            if connection.execute(self._statements.record, values).rowcount == 0:
                return None
            if files:
                connection.execute(self._statements.record_attachment, files)
            blobs = connection.scalars(self._statements.blobs_of, {"an_id": work.id}).all() if delivered else ()
            if blobs:
                connection.execute(self._statements.forget_attachments, {"an_id": work.id})
            return blobs

        erased = await self.backend.write(store)
        if erased:
            await self.backend.erase(erased)
        return erased is not None

    async def recover(
        self, hold: float | None, *, everything: bool = False, running: Collection[str] = ()
    ) -> Sequence[str]:
        """Call `unknown` whatever was left in the middle of a POST, and answer the ids.

        `hold` is in seconds, None to park. `everything` ends all leases first: for a process that knows itself alone.
        `running` are the asker's own rows: it knows better than a clock that jumped whether they are still being sent.
        """
        values = {"hold": hold, "parked": hold is None, "running": list(running)}

        def mark(connection: Connection) -> Sequence[str]:
            if everything:
                connection.execute(self._statements.end_leases)
            return connection.scalars(self._statements.recover, values).all()

        return await self.backend.write(mark)

    async def hasten(self, longest: float) -> int:
        """Make due what is to wait for more than `longest` seconds, which no row is ever told to: a clock that ran
        ahead was set back, and would delay them by as much. Answers how many."""
        return await self.backend.write(lambda c: c.execute(self._statements.hasten, {"longest": longest}).rowcount)

    async def standing(self, submission_id: str) -> Standing | None:
        """Where a submission stands, or None when it is not known."""
        return await self.backend.read(lambda c: self._standing(c, submission_id))

    def _standing(self, connection: Connection, submission_id: str) -> Standing | None:
        row = connection.execute(self._statements.standing, {"an_id": submission_id}).one_or_none()
        if row is None:
            return None
        files = connection.execute(self._statements.attachments, {"an_id": submission_id}).all()
        return Standing(*row, attachments=tuple(StoredAttachment(*file) for file in files))

    async def check_writable(self) -> None:
        """Whether a submission could be stored now. Raises OutboxUnavailable.

        A row is committed that is gone again: what is the same as before would not be written at all.
        """
        probe = {"an_id": f"probe-{uuid.uuid4().hex[:26]}"}

        def write(connection: Connection, _: Sequence[str]) -> None:
            connection.execute(self._statements.probe, probe)
            connection.execute(self._statements.remove, probe)

        await self.backend.keep((), write)


def _work(row: _Row, files: Sequence[_Row]) -> Work:
    return Work(
        id=row.id,
        product=row.product,
        claim=row.claim,
        age=row.age,
        attempts=row.attempts,
        feedback=Feedback(row.description, row.email, row.rating, row.consent),
        feedback_id=row.feedback_id,
        pending=tuple(Pending(*file) for file in files),
        separately=row.separately,
        possible_duplicate=row.possible_duplicate,
    )


_GIVEN = ("id", "product", "description", "email", "rating", "consent", "consent_version", "context")


class _Statements:
    """Every statement of the outbox, built once. What a caller gives is named; what is the database's is `now`.

    The states are spelled out where the partial index on `due_at` is to be used.
    """

    def __init__(self, backend: Backend, lease: float, keep_context: bool) -> None:
        s, a, now = submission.c, attachment.c, backend.now
        by_id = s.id == bindparam("an_id")
        forgotten = SAID if keep_context else (*SAID, "context")
        later = now + bindparam("delay")
        waiting = s.state.in_([literal(state, literal_execute=True) for state in WAITING_STATES])
        unheld = and_(waiting, s.intent.is_(null()))
        is_due = and_(unheld, s.due_at <= now)
        is_ours = and_(s.state == "sending", s.claim == bindparam("new_claim"))
        not_shut = s.product.not_in(bindparam("shut", expanding=True))

        self.add = insert(submission).values(
            state=literal("queued"),
            accepted_at=now,
            due_at=case((bindparam("why_held", type_=String).is_(null()), now), else_=null()),
            held_for=bindparam("why_held", type_=String),
            attempts=literal(0),
            separately=literal(False),
            possible_duplicate=literal(False),
            **{name: bindparam(name) for name in _GIVEN},
        )
        self.add_attachment = insert(attachment).values(
            status=literal("waiting"),
            **{name: bindparam(name) for name in _ATTACHMENT},
        )
        self.due = select(s.id).where(is_due, not_shut).order_by(s.due_at).limit(bindparam("limit"))
        self.next_due = select(func.min(s.due_at) - now).where(unheld, s.due_at.is_not(null()), not_shut)
        self.claim = (
            update(submission)
            .where(by_id, or_(is_due, is_ours))
            .values(
                state="sending",
                claim=bindparam("new_claim"),
                due_at=now + lease,
                attempts=case((is_ours, s.attempts), else_=s.attempts + 1),
                intent=case((s.feedback_id.is_(null()), "create"), else_="attach"),
            )
            .returning(*submission.c, (now - func.coalesce(s.put_back_at, s.accepted_at)).label("age"))
        )
        self.pending = (
            select(a.position, a.name, a.media_type, a.size, a.blob)
            .where(a.submission_id == bindparam("an_id"), a.status == "waiting")
            .order_by(a.position)
        )
        self.record = (
            update(submission)
            .where(by_id, s.state == "sending", s.claim == bindparam("held"))
            .values(
                state=bindparam("new_state"),
                claim=bindparam("kept_claim"),
                intent=bindparam("next_intent"),
                due_at=later,
                last_error=func.coalesce(bindparam("error"), s.last_error),
                told=func.coalesce(bindparam("words"), s.told),
                feedback_id=func.coalesce(bindparam("kept_id"), s.feedback_id),
                separately=or_(s.separately, bindparam("one_by_one")),
                possible_duplicate=or_(s.possible_duplicate, bindparam("maybe_twice")),
                attempts=s.attempts - bindparam("given_back"),
                ended_at=case((bindparam("over", type_=Boolean), now), else_=null()),
                **{name: case((bindparam("delivered", type_=Boolean), null()), else_=s[name]) for name in forgotten},
            )
        )
        self.record_attachment = (
            update(attachment)
            .where(a.submission_id == bindparam("an_id"), a.position == bindparam("at"))
            .values(
                status=bindparam("new_status"), message=bindparam("why"), note=func.coalesce(bindparam("found"), a.note)
            )
        )
        self.blobs_of = select(a.blob).where(a.submission_id == bindparam("an_id"), a.blob.is_not(null()))
        self.forget_attachments = update(attachment).where(a.submission_id == bindparam("an_id")).values(blob=None)
        self.end_leases = update(submission).where(s.state == "sending").values(due_at=now)
        self.recover = (
            update(submission)
            .where(
                s.state == "sending",
                s.intent.is_not(null()),
                s.due_at <= now,
                s.id.not_in(bindparam("running", expanding=True)),
            )
            .values(
                state="unknown",
                claim=None,
                intent=None,
                due_at=case((s.possible_duplicate, null()), else_=now + bindparam("hold")),
                ended_at=case((or_(s.possible_duplicate, bindparam("parked", type_=Boolean)), now), else_=null()),
                possible_duplicate=True,
                last_error="interrupted while sending",
            )
            .returning(s.id)
        )
        self.hasten = (
            update(submission)
            .where(waiting, s.state != "sending", s.due_at > now + bindparam("longest"))
            .values(due_at=now)
        )
        self.standing = select(s.id, s.product, s.state, s.accepted_at, s.ended_at, s.feedback_id, s.told).where(by_id)
        self.attachments = (
            select(a.name, a.status, a.message, a.note)
            .where(a.submission_id == bindparam("an_id"))
            .order_by(a.position)
        )
        self.pending_bytes = select(func.coalesce(func.sum(a.size), 0)).where(a.blob.is_not(null()))
        self.blobs = select(a.blob).where(a.blob.is_not(null()))
        self.probe = insert(submission).values(
            id=bindparam("an_id"),
            product=literal("-"),
            state=literal("queued"),
            accepted_at=now,
            attempts=literal(0),
            separately=literal(False),
            possible_duplicate=literal(False),
        )
        self.remove = delete(submission).where(by_id)
