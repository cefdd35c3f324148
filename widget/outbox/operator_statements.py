"""The statements of `operator`."""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    String,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
    update,
)

from widget.outbox.backend import Terms
from widget.outbox.entries import DISCARDABLE, RETRIABLE, Entry, Wanted
from widget.outbox.tables import IS_REAL, IS_RESTORED, KEEP_TEST, WAITING_STATES, attachment, submission

BATCH = 500
"""Rows in one answer or one transaction, small enough that the running service never waits for long."""
_SHORTEST_PREFIX = 4
"""The fewest characters that an abbreviated id may have."""
_LONGEST_ID = 32
"""The most characters of an id. That many are no beginning of one, so the primary key finds the row."""


class OperatorStatements:
    """The operator's statements; `meant` and `after` add conditions."""

    def __init__(self, terms: Terms) -> None:
        s, a, now = submission.c, attachment.c, terms.now
        self._now = now
        one, many = s.id == bindparam("an_id"), s.id.in_(bindparam("ids", expanding=True))
        entry = _entry_columns(now)
        more = (s.description, s.email, s.rating, s.consent, s.consent_version, s.context, s.due_at, s.separately)
        given_up = _given_up(now)

        # Look.
        self.count = select(func.count()).select_from(submission)
        self.count_by_state = select(s.state, func.count()).group_by(s.state)
        # A sealed error is in one row alone, so `min` is the id that opens it.
        kind = (s.state, s.product, s.held_for, s.last_error, s.data_key)
        age = now - func.min(s.accepted_at)
        self.groups = select(*kind, func.min(s.id).label("id"), func.count().label("number"), age.label("oldest"))
        self.groups = self.groups.group_by(*kind)
        self._ids: Select[Any] = select(s.id)
        self._find: Select[Any] = select(*entry)
        self.whole: Select[Any] = select(*entry, *more, s.content_mac, s.identity_used, s.locale, s.cause).where(one)
        self.files: Select[Any] = (
            select(a.position, a.name, a.media_type, a.size, a.status, a.message, a.note, a.blob)
            .where(a.submission_id == bindparam("an_id"))
            .order_by(a.position)
        )
        self.states = select(s.id, s.state, s.held_for).where(many)

        # Change.
        self.put_back = (
            _put_back(now).where(many, s.state.in_(RETRIABLE), s.email.is_not(None), IS_REAL).returning(s.id)
        )
        self.discard = update(submission).where(many, s.state.in_(DISCARDABLE)).values(given_up).returning(s.id)
        self.give_up = update(submission).where(many).values(given_up)

        # Erase.
        self.addresses = (
            select(s.id, s.email, s.data_key)
            .where(s.email.is_not(None), s.id > bindparam("after", type_=String))
            .order_by(s.id)
            .limit(BATCH)
        )
        self.to_erase = select(s.id, s.state, s.feedback_id).where(many).order_by(s.accepted_at).with_for_update()
        self.unreadable = select(s.id).where(s.data_key.is_not(None), s.data_key.not_in(terms.keys))

    def find(self, newest: bool) -> Select[Any]:
        """Rows in the order of their arrival, or in reverse."""
        return _in_order(self._find, newest)

    def ids(self, newest: bool) -> Select[Any]:
        """The ids of rows in the same order."""
        return _in_order(self._ids, newest)

    def named(self, name: str) -> Select[Any] | None:
        """The ids for which `name` may stand; None if it cannot be an id."""
        s = submission.c
        is_number = name.isascii() and name.isdigit() and len(name) < 19
        conditions = [s.id == name]
        if _SHORTEST_PREFIX <= len(name) < _LONGEST_ID:
            conditions.append(s.id.startswith(name, autoescape=True))
        if is_number:
            conditions.append(s.feedback_id == int(name))
        return select(s.id).where(or_(*conditions)).order_by(s.accepted_at, s.id).limit(BATCH) if name else None

    def meant(self, wanted: Wanted) -> ColumnElement[bool]:
        """The condition that selects the rows."""
        s = submission.c
        conditions: list[ColumnElement[bool]] = [true()]
        if wanted.ids:
            conditions.append(s.id.in_(wanted.ids))
        if wanted.states:
            conditions.append(s.state.in_(wanted.states))
        if wanted.products:
            conditions.append(s.product.in_(wanted.products))
        if wanted.held is not None:
            conditions.append(and_(s.held_for.is_not(None), IS_REAL) if wanted.held else s.held_for.is_(None))
        if wanted.restored is not None:
            conditions.append(IS_RESTORED if wanted.restored else ~IS_RESTORED)
        if wanted.erased is not None:
            conditions.append(s.email.is_(null()) if wanted.erased else s.email.is_not(null()))
        if wanted.ended_within is not None:
            conditions.append(
                or_(s.ended_at.is_(None), s.state == "unknown", s.ended_at >= self._now - wanted.ended_within)
            )
        if wanted.older_than is not None:
            conditions.append(s.accepted_at < self._now - wanted.older_than)
        if wanted.younger_than is not None:
            conditions.append(s.accepted_at > self._now - wanted.younger_than)
        return and_(*conditions)

    def after(self, entry: Entry, newest: bool) -> ColumnElement[bool]:
        """The condition that continues after an entry."""
        s = submission.c
        place, last = tuple_(s.accepted_at, s.id), tuple_(literal(entry.accepted_at), literal(entry.id))
        return place < last if newest else place > last


operator_statements = lru_cache(OperatorStatements)
"""The same, built once."""


def _in_order(rows: Select[Any], newest: bool) -> Select[Any]:
    s = submission.c
    return rows.order_by(s.accepted_at.desc(), s.id.desc()) if newest else rows.order_by(s.accepted_at, s.id)


def _entry_columns(now: ColumnElement[float]) -> tuple[ColumnElement[Any], ...]:
    """The columns of an `Entry`, and the name of its key."""
    s = submission.c
    files = select(func.count()).where(attachment.c.submission_id == s.id).scalar_subquery()
    return (
        s.id,
        s.product,
        s.state,
        s.accepted_at,
        s.ended_at,
        (now - s.accepted_at).label("age"),
        case((s.state.in_(WAITING_STATES), s.due_at - now), else_=null()).label("due_in"),
        s.attempts,
        s.feedback_id,
        s.possible_duplicate,
        s.last_error,
        s.told.label("public_message"),
        s.held_for,
        s.data_key,
        files.label("files"),
        type_coerce(s.email.is_(None), Boolean).label("erased"),
    )


def _put_back(now: ColumnElement[float]) -> Update:
    """Make rows due now, as if they were new."""
    return update(submission).values(
        state="queued",
        due_at=now,
        put_back_at=now,
        ended_at=null(),
        attempts=0,
        told=null(),
        held_for=null(),
    )


def _given_up(now: ColumnElement[float]) -> dict[str, Any]:
    """What changes in a row that is not tried any more."""
    return {
        "state": "discarded",
        "claim": null(),
        "intent": null(),
        "due_at": null(),
        "ended_at": now,
        "held_for": KEEP_TEST,
    }
