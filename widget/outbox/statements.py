"""Every SQL statement of the outbox."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    Executable,
    Insert,
    Label,
    Select,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from widget.outbox.backend import Terms, upsert
from widget.outbox.erasure import SAID
from widget.outbox.tables import IS_RESTORED, WAITING_STATES, attachment, in_states, submission

_ATTACHMENT = ("submission_id", "position", "name", "media_type", "size", "note", "blob")
_GIVEN = (
    "id",
    "product",
    "description",
    "email",
    "rating",
    "consent",
    "consent_version",
    "context",
    "content_mac",
    "data_key",
    "identity_used",
    "locale",
    "files",
    "request_id",
    "traceparent",
)
_SHOWN = [
    *(
        submission.c[name]
        for name in (
            "id",
            "product",
            "state",
            "accepted_at",
            "ended_at",
            "feedback_id",
            "told",
            "content_mac",
            "data_key",
            "held_for",
            "possible_duplicate",
        )
    ),
    submission.c.email.is_(None).label("erased"),
]
"""What a receipt shows of a row, and the key of what is encrypted in it."""
_BY_ID = submission.c.id == bindparam("an_id")
_OF_ROW = attachment.c.submission_id == bindparam("an_id")


class _Conditions:
    """Which rows a statement concerns."""

    def __init__(self, terms: Terms) -> None:
        s, self.now = submission.c, terms.now
        self.waiting = in_states(*WAITING_STATES)
        self.unheld = and_(self.waiting, s.intent.is_(null()))
        # While a key is rotated in, another process may have sealed rows that this one cannot read.
        self.readable = or_(s.data_key.is_(null()), s.data_key.in_(terms.keys))
        self.due = and_(self.unheld, s.due_at <= self.now, self.readable)
        self.ours = and_(s.state == "sending", s.claim == bindparam("new_claim"))
        self.open_gate = s.product.not_in(bindparam("shut", expanding=True))


class Statements:
    """The statements. Parameters are named; the time is the database's own, `terms.now`.

    `lease` is in seconds. With `keep_context`, a delivered row keeps its context.
    """

    def __init__(self, terms: Terms, lease: float, keep_context: bool) -> None:
        s, a, rows = submission.c, attachment.c, _Conditions(terms)
        now, later = rows.now, rows.now + bindparam("delay")

        # Accept.
        self.add = _add(terms)
        self.add_attachment = insert(attachment).values(
            status=literal("waiting"), **{name: bindparam(name) for name in _ATTACHMENT}
        )
        self.kept_bytes = _kept_bytes()
        self.kept_bytes_of = _kept_bytes_of()
        self.takes_writes = select(terms.takes_writes)
        self.probe = _probe(now)
        self.remove = delete(submission).where(_BY_ID)

        # Deliver.
        due = select(s.id, s.product).where(rows.due, rows.open_gate).limit(bindparam("limit"))
        self.due, self.due_of_late = due.order_by(s.due_at), due.order_by(s.due_at.desc())
        self.next_due = _next_due(rows)
        of_products = s.product.in_(bindparam("products", expanding=True))
        self.is_sending = select(exists().where(s.state == "sending", of_products))
        self.claim = _claim(rows, lease)
        self.claim_due = _claim_due(rows, lease)
        self.claimed = select(*_claimed(rows)).where(
            s.state == "sending", s.claim.in_(bindparam("claims", expanding=True))
        )
        self.pending = _pending()
        self.postpone = update(submission).where(_BY_ID, rows.due).values(due_at=later, last_error=bindparam("error"))
        self.set_aside = _set_aside(now)

        # Write an outcome.
        self.record = _record(now, later, SAID if keep_context else (*SAID, "context"))
        self.record_attachment = _record_attachment()
        self.blobs_of = select(a.blob).where(_OF_ROW, a.blob.is_not(null()))
        self.forget_attachments = update(attachment).where(_OF_ROW).values(blob=None)

        # Begin again after a crash, or after a change of settings.
        self.blobs = select(a.blob).where(a.blob.is_not(null()))
        self.end_leases = update(submission).where(s.state == "sending").values(due_at=now)
        self.recover = _recover(now)
        self.hasten = _hasten(rows)

        # Read the status of a submission.
        self.status = select(*_SHOWN).where(_BY_ID)
        self.attachments = select(a.position, a.name, a.status, a.message, a.note).where(_OF_ROW).order_by(a.position)


statements = lru_cache(Statements)
"""The same, built once."""


def _add(terms: Terms) -> Executable:
    """Store a row, `queued` or claimed already, unless it is known. Without a `delay`, it is not due."""
    new = upsert(alone=terms.alone)(submission).values(
        accepted_at=terms.now,
        due_at=terms.now + bindparam("delay", type_=Double),
        separately=literal(False),
        possible_duplicate=literal(False),
        **{name: bindparam(name) for name in (*_GIVEN, "state", "attempts", "claim", "intent", "held_for")},
    )
    statement: Executable = new.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return statement


def _probe(now: ColumnElement[float]) -> Insert:
    """Store an empty row, to see whether the database can; `remove` removes it."""
    return insert(submission).values(
        id=bindparam("an_id"),
        product=bindparam("product"),
        state=literal("queued"),
        accepted_at=now,
        attempts=literal(0),
        separately=literal(False),
        possible_duplicate=literal(False),
    )


def _is_waiting() -> Label[bool]:
    """Whether a row waits for delivery, rather than for the operator."""
    s = submission.c
    return or_(s.due_at.is_not(null()), s.state == "sending", IS_RESTORED).label("is_waiting")


def _kept_bytes() -> Select[Any]:
    """The bytes of kept files by product, and by whether their rows wait for delivery or for the operator."""
    s, a, is_waiting = submission.c, attachment.c, _is_waiting()
    return (
        select(s.product, is_waiting, func.sum(a.size))
        .join_from(attachment, submission, a.submission_id == s.id)
        .where(a.blob.is_not(null()))
        .group_by(s.product, is_waiting)
    )


def _kept_bytes_of() -> Select[bool, Any]:
    """The same for some rows, of any product."""
    s, a, is_waiting = submission.c, attachment.c, _is_waiting()
    return (
        select(is_waiting, func.sum(a.size))
        .join_from(attachment, submission, a.submission_id == s.id)
        .where(s.id.in_(bindparam("ids", expanding=True)), a.blob.is_not(null()))
        .group_by(is_waiting)
    )


def _next_due(rows: _Conditions) -> Select[Any]:
    """The seconds until the next row is due."""
    s = submission.c
    return select(func.min(s.due_at) - rows.now).where(
        rows.unheld, s.due_at.is_not(null()), rows.readable, rows.open_gate
    )


def _claim(rows: _Conditions, lease: float) -> ReturningUpdate[Any]:
    """Claim a row that is due, or that this very claim has: its commit may have succeeded without an answer."""
    attempts = case((rows.ours, submission.c.attempts), else_=submission.c.attempts + 1)
    return _claiming(rows, lease, attempts).where(_BY_ID, or_(rows.due, rows.ours))


def _claim_due(rows: _Conditions, lease: float) -> ReturningUpdate[Any]:
    """Claim the rows that have been due longest, without waiting for those that another process claims right now."""
    s = submission.c
    due = select(s.id).where(rows.due, s.product.in_(bindparam("open", expanding=True))).order_by(s.due_at)
    chosen = due.limit(bindparam("limit")).with_for_update(skip_locked=True).cte("chosen")
    return _claiming(rows, lease, s.attempts + 1).where(s.id.in_(select(chosen.c.id)))


def _claiming(rows: _Conditions, lease: float, attempts: ColumnElement[int]) -> ReturningUpdate[Any]:
    return (
        update(submission)
        .values(
            state="sending",
            claim=bindparam("new_claim"),
            due_at=rows.now + lease,
            attempts=attempts,
            intent=case((submission.c.feedback_id.is_(null()), "create"), else_="attach"),
        )
        .returning(*_claimed(rows))
    )


def _claimed(rows: _Conditions) -> Sequence[ColumnElement[Any]]:
    """What is read of a claimed row."""
    s = submission.c
    return [*submission.c, (rows.now - func.coalesce(s.put_back_at, s.accepted_at)).label("age")]


def _pending() -> Select[*tuple[Any, ...]]:
    """The files of claimed rows that have not been sent yet."""
    a = attachment.c
    return (
        select(a.submission_id, a.position, a.name, a.media_type, a.size, a.blob)
        .where(a.submission_id.in_(bindparam("ids", expanding=True)), a.status == "waiting")
        .order_by(a.submission_id, a.position)
    )


def _set_aside(now: ColumnElement[float]) -> Update:
    """Refuse a row that cannot be read."""
    return (
        update(submission)
        .where(_BY_ID)
        .values(
            state="refused",
            claim=None,
            intent=None,
            due_at=None,
            ended_at=now,
            last_error=bindparam("why"),
            cause="damaged",
        )
    )


def _record(now: ColumnElement[float], later: ColumnElement[float], forgotten: Sequence[str]) -> ReturningUpdate[Any]:
    """Write an outcome while the claim stands, and read the status. A delivered row loses the columns `forgotten`."""
    s = submission.c
    return (
        update(submission)
        .where(_BY_ID, s.state == "sending", s.claim == bindparam("held"))
        .values(
            state=bindparam("new_state"),
            claim=bindparam("kept_claim"),
            intent=bindparam("next_intent"),
            due_at=later,
            last_error=func.coalesce(bindparam("error"), s.last_error),
            told=func.coalesce(bindparam("words"), s.told),
            cause=bindparam("why"),
            feedback_id=func.coalesce(bindparam("kept_id"), s.feedback_id),
            separately=or_(s.separately, bindparam("one_by_one")),
            possible_duplicate=or_(s.possible_duplicate, bindparam("maybe_twice")),
            attempts=s.attempts - bindparam("given_back"),
            ended_at=case((bindparam("over", type_=Boolean), now), else_=null()),
            **{name: case((bindparam("delivered", type_=Boolean), null()), else_=s[name]) for name in forgotten},
        )
        .returning(*_SHOWN)
    )


def _record_attachment() -> Update:
    a = attachment.c
    return (
        update(attachment)
        .where(_OF_ROW, a.position == bindparam("at"))
        .values(
            status=bindparam("new_status"), message=bindparam("why"), note=func.coalesce(bindparam("found"), a.note)
        )
    )


def _recover(now: ColumnElement[float]) -> ReturningUpdate[Any]:
    """Mark rows whose process ended in the middle of a POST. They are tried again once, if at all."""
    s = submission.c
    return (
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
            cause="interrupted",
        )
        .returning(s.id)
    )


def _hasten(rows: _Conditions) -> Update:
    """Make rows due that would wait for more than `longest` seconds."""
    s = submission.c
    return (
        update(submission)
        .where(rows.waiting, s.state != "sending", s.due_at > rows.now + bindparam("longest"))
        .values(due_at=rows.now)
    )
