"""Every SQL statement of the outbox, built once for each database."""

from sqlalchemy import (
    Boolean,
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

from widget.outbox.backend import Backend
from widget.outbox.erasure import SAID
from widget.outbox.tables import WAITING_STATES, attachment, submission

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
)


class Statements:
    """The statements. What a caller gives is named; what is the database's is `now`.

    The states are spelled out where the partial index on `due_at` is to be used.
    """

    def __init__(self, backend: Backend, lease: float, keep_context: bool) -> None:
        s, a, now = submission.c, attachment.c, backend.now
        by_id = s.id == bindparam("an_id")
        forgotten = SAID if keep_context else (*SAID, "context")
        later = now + bindparam("delay")
        waiting = s.state.in_([literal(state, literal_execute=True) for state in WAITING_STATES])
        unheld = and_(waiting, s.intent.is_(null()))
        # While a key is rotated in, another process may have sealed rows that this one cannot read: they are its.
        is_readable = or_(s.data_key.is_(null()), s.data_key.in_(backend.keyring.names))
        is_due = and_(unheld, s.due_at <= now, is_readable)
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
        self.due = select(s.id, s.product).where(is_due, not_shut).order_by(s.due_at).limit(bindparam("limit"))
        self.next_due = select(func.min(s.due_at) - now).where(unheld, s.due_at.is_not(null()), is_readable, not_shut)
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
        self.set_aside = (
            update(submission)
            .where(by_id)
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
        self.postpone = update(submission).where(by_id, is_due).values(due_at=later, last_error=bindparam("error"))
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
                cause=bindparam("why"),
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
                cause="interrupted",
            )
            .returning(s.id)
        )
        self.hasten = (
            update(submission)
            .where(waiting, s.state != "sending", s.due_at > now + bindparam("longest"))
            .values(due_at=now)
        )
        self.status = select(
            s.id, s.product, s.state, s.accepted_at, s.ended_at, s.feedback_id, s.told, s.content_mac, s.data_key
        ).where(by_id)
        self.attachments = (
            select(a.position, a.name, a.status, a.message, a.note)
            .where(a.submission_id == bindparam("an_id"))
            .order_by(a.position)
        )
        is_waiting = or_(s.due_at.is_not(null()), s.state == "sending").label("is_waiting")
        self.kept_bytes = (
            select(s.product, is_waiting, func.sum(a.size))
            .join_from(attachment, submission, a.submission_id == s.id)
            .where(a.blob.is_not(null()))
            .group_by(s.product, is_waiting)
        )
        self.blobs = select(a.blob).where(a.blob.is_not(null()))
        self.nothing = select(literal(1))
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
