"""The state of each product's account at Insider Connect, and the number of waiting submissions.

Both are in the database: every process that delivers writes what it learns, and every process reads the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from widget.outbox.backend import Backend
from widget.outbox.tables import IS_REAL, LEFT_STATES, WAITING_STATES, account, in_states, submission

ONLY_FILES = "files: "
"""What a reason begins with if feedback goes through and only its files do not."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """The state of a product's account. `reason` says why nothing goes through, or only no files; None if submissions
    do.

    `since` is when this state began, `last_success` when Insider Connect last accepted a call (None if never), both in
    Unix seconds. `misconfigured`: waiting does not help, because the credentials or the address are wrong.
    """

    reason: str | None
    since: float
    last_success: float | None
    misconfigured: bool = False

    @property
    def is_about_files(self) -> bool:
        """Whether feedback goes through, and only its files do not."""
        return self.reason is not None and self.reason.startswith(ONLY_FILES)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The number of a product's submissions that wait for delivery, and for how many seconds the oldest has: since it
    was accepted, or since an operator put it back."""

    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Pile:
    """The number of a product's submissions in one state, and the age of the oldest in seconds. `state` is that of the
    rows, or `held` if they wait to be released, or `parked` if they are unknown and not retried automatically, or
    `expired` if they were not delivered and their content is erased."""

    product: str
    state: str
    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Overview:
    """What the database knows about delivery, by product. `yours` counts the submissions that wait for the operator, by
    state: held, unknown, refused."""

    accounts: Mapping[str, AccountState]
    waiting: Mapping[str, Waiting]
    yours: Mapping[str, int]


class Accounts:
    """Reads and writes the state of accounts, on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._statements = _statements(backend.now)

    async def piles(self) -> Sequence[Pile]:
        """Everything that is not delivered, but for tests, by product and state. Raises OutboxUnavailable."""

        def look(connection: Connection) -> Sequence[Pile]:
            rows = [row for statement in self._statements.piles for row in connection.execute(statement)]
            return sorted(
                (Pile(row[0], row[1], row[2], max(0.0, row[3])) for row in rows), key=lambda pile: pile.product
            )

        return await self._backend.read(look)

    async def note(self, products: Sequence[str], reason: str | None, *, misconfigured: bool = False) -> None:
        """Record that the account of these products works or, with a `reason`, that it does not: for a time, or until
        somebody corrects what is `misconfigured`. Raises OutboxUnavailable."""

        def write(connection: Connection) -> None:
            for product in products:
                values = {"of": product, "why": reason, "lasting": misconfigured}
                if not connection.execute(self._statements.update, values).rowcount:
                    connection.execute(self._statements.insert, values)

        try:
            await self._backend.write_alone(write)
        except IntegrityError:  # another process wrote it first
            await self._backend.write_alone(write)

    async def overview(self, products: Collection[str]) -> Overview:
        """Everything that is known. An account of none of the `products` counts only while something waits for it: it
        was removed from the products' file, and nothing will show how it is now. Raises OutboxUnavailable."""

        def look(connection: Connection) -> Overview:
            wanted = self._statements
            waiting = {row[0]: Waiting(row[1], max(0.0, row[2])) for row in connection.execute(wanted.waiting)}
            return Overview(
                {
                    row[0]: AccountState(*row[1:])
                    for row in connection.execute(wanted.accounts)
                    if row[0] in products or row[0] in waiting
                },
                waiting,
                {row[0]: row[1] for row in connection.execute(wanted.yours)},
            )

        return await self._backend.read(look)


_IS_UNFINISHED = in_states(*WAITING_STATES)


def _waiting(now: ColumnElement[float]) -> Select[str, int, float]:
    """By product, how many rows wait for delivery, and for how long the oldest has, since it came or was put back."""
    s = submission.c
    return (
        select(s.product, func.count(), now - func.min(func.coalesce(s.put_back_at, s.accepted_at)))
        .where(_IS_UNFINISHED, or_(s.state == "sending", s.due_at.is_not(null())))
        .group_by(s.product)
    )


def _yours() -> Select[str, int]:
    """How many rows wait for the operator, by state."""
    s = submission.c
    is_held = and_(s.held_for.is_not(null()), IS_REAL)
    kind = case((is_held, "held"), else_=s.state)
    # The partial index covers discarded rows, too, so the condition has to name them.
    is_left = and_(in_states(*LEFT_STATES), s.state != "discarded", s.due_at.is_(null()), s.email.is_not(null()))
    return select(kind, func.count()).where(or_(is_left, and_(_IS_UNFINISHED, is_held))).group_by(kind)


def _piled(now: ColumnElement[float], where: ColumnElement[bool]) -> Select[str, str, int, float]:
    """By product and state, how many rows are left, and the age of the oldest. Tests wait for nobody."""
    s = submission.c
    is_over = and_(in_states(*LEFT_STATES), s.due_at.is_(null()))
    state = case(
        (and_(is_over, s.email.is_(null())), "expired"),
        (s.held_for.is_not(null()), "held"),
        (and_(s.state == "unknown", s.due_at.is_(null())), "parked"),
        else_=s.state,
    )
    columns = (s.product, state, func.count(), now - func.min(s.accepted_at))
    return select(*columns).where(where, IS_REAL).group_by(s.product, state)


class _Statements:
    def __init__(self, now: ColumnElement[float]) -> None:
        a = account.c
        reason: BindParameter[str | None] = bindparam("why", type_=Text)
        is_well = reason.is_(null())
        values = {
            "reason": reason,
            "since": case((is_well == a.reason.is_(null()), a.since), else_=now),
            "last_success": case((is_well, now), else_=a.last_success),
            "misconfigured": bindparam("lasting"),
        }
        self.update = update(account).where(a.product == bindparam("of")).values(values)
        self.insert = insert(account).values(
            product=bindparam("of"),
            reason=reason,
            since=now,
            last_success=case((is_well, now), else_=null()),
            misconfigured=bindparam("lasting"),
        )
        self.accounts = select(a.product, a.reason, a.since, a.last_success, func.coalesce(a.misconfigured, false()))
        self.waiting = _waiting(now)
        self.yours = _yours()
        # Two statements, each with its own partial index. One statement would scan everything that was delivered.
        self.piles = [_piled(now, where) for where in (_IS_UNFINISHED, in_states("refused", "discarded"))]


_statements = lru_cache(_Statements)
