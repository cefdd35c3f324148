"""What an operator can do with the outbox while the service runs.

Every change is one statement that names the states it applies to, so it cannot come between a claim and its outcome. A
row that is being sent is left alone, except by an erasure, because a person's right comes first. `widget.cli.outbox`
prints and logs.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Row,
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

from widget.errors import RowUnreadable
from widget.outbox import migrations, sealing
from widget.outbox.backend import Backend
from widget.outbox.erasure import drop_files, erase
from widget.outbox.model import NO_ID, known_id
from widget.outbox.sealing import Keyring
from widget.outbox.tables import KEEP_TEST, RESTORED, TEST, attachment, submission
from widget.submissions import addresses
from widget.submissions.model import Feedback

BATCH = 500
"""Rows in one answer or one transaction, small enough that the running service never waits for long."""

State = Literal["queued", "sending", "unknown", "delivered", "refused", "discarded"]
STATES: tuple[State, ...] = ("queued", "sending", "unknown", "delivered", "refused", "discarded")
RETRIABLE: tuple[State, ...] = ("queued", "unknown", "refused", "discarded")
DISCARDABLE: tuple[State, ...] = ("queued", "unknown", "refused")
DAMAGED = "(damaged: cannot be decrypted)"
"""Shown in place of what cannot be decrypted."""
_SHORTEST_PREFIX = 4
"""The fewest characters that an abbreviated id may have."""
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selects rows. An empty field selects all; ages are in seconds since a row was accepted.

    `held` True selects only rows that wait to be released, False all others. `restored` True selects only rows that
    came from a restored backup, False all others.
    """

    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    older_than: float | None = None
    younger_than: float | None = None
    held: bool | None = None
    restored: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row without what the person said. Times are Unix seconds; `age` and `due_in` are in seconds.

    `due_in` is None if the row is not tried automatically. `public_message` is what Insider Connect says about a
    refusal, fit to be shown. `erased`: the content is gone, as it is for every delivered row.
    """

    id: str
    product: str
    state: State
    accepted_at: float
    ended_at: float | None
    age: float
    due_in: float | None
    attempts: int
    feedback_id: int | None
    possible_duplicate: bool
    last_error: str | None
    public_message: str | None
    held_for: str | None
    files: int
    erased: bool


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a row. `blob` is None once its bytes are erased; `sealed` says whether they are encrypted."""

    position: int
    name: str
    media_type: str
    size: int
    status: str
    message: str | None
    note: str | None
    blob: str | None
    sealed: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """A row with its content. `feedback` is None once it is erased. `context` is JSON, `due_at` is in Unix seconds.
    `without_id` means that Insider Connect created the feedback but gave no id."""

    entry: Entry
    feedback: Feedback | None
    attachments: tuple[Attached, ...]
    consent_version: str | None
    context: str | None
    due_at: float | None
    separately: bool
    without_id: bool
    content_mac: str | None
    identity_used: str | None
    locale: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of a change: the ids that were changed, and why the others were not."""

    done: tuple[str, ...]
    left: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Erased:
    """The result of an erasure. `discarded` rows were still waiting; `sending` of them were being sent at that moment.
    `feedback_ids` are those that Insider Connect has confirmed. `left` are ids that do not exist. `damaged` rows were
    left alone, because nobody can say whose they are."""

    ids: tuple[str, ...]
    discarded: int
    sending: int
    feedback_ids: tuple[int, ...]
    left: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


class Operator:
    """An operator's view of the outbox on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._statements = _Statements(backend)

    async def check(self) -> None:
        """Make sure that the tables exist and match this release. Raises ConfigurationError or OutboxUnavailable."""
        await self.backend.read(migrations.check)

    async def check_readable(self) -> None:
        """Make sure that there is a key for every row. Raises ConfigurationError or OutboxUnavailable."""
        await self.backend.read(lambda c: sealing.check(c, self.backend.keyring))

    async def count(self, wanted: Wanted) -> int:
        """How many rows are selected."""
        statement = self._statements.count.where(self._statements.meant(wanted))
        return await self.backend.read(lambda c: c.scalar(statement)) or 0

    async def named(self, name: str) -> Sequence[str]:
        """The ids that `name` may stand for: an id, the beginning of one, or the feedback's id at Insider Connect."""
        statement = self._statements.named(name)
        ids = (await self.backend.read(lambda c: c.scalars(statement).all())) if statement is not None else ()
        return [name] if name in ids else ids

    async def find(
        self, wanted: Wanted, *, after: Entry | None = None, limit: int = BATCH, newest: bool = False
    ) -> Sequence[Entry]:
        """The next selected rows after an entry that was returned before, oldest first unless `newest` is set."""
        statement = self._statements.find(newest).where(self._statements.meant(wanted)).limit(limit)
        if after is not None:
            statement = statement.where(self._statements.after(after, newest))
        rows = await self.backend.read(lambda c: c.execute(statement).all())
        return [_entry(row, self.backend.keyring) for row in rows]

    async def whole(self, submission_id: str) -> Whole | None:
        """A row with its content; None if it does not exist."""

        def look(connection: Connection) -> Whole | None:
            row = connection.execute(self._statements.whole, {"an_id": submission_id}).one_or_none()
            if row is None:
                return None
            files = connection.execute(self._statements.files, {"an_id": submission_id}).all()
            opened = partial(self.backend.keyring.opened_or, DAMAGED, row.data_key, row.id)
            email, context = opened("email", row.email), opened("context", row.context)
            feedback = None
            if email is not None:
                feedback = Feedback(opened("description", row.description) or "", email, row.rating, bool(row.consent))
            attachments = tuple(_attached(file, opened, row.data_key is not None) for file in files)
            context = None if context == DAMAGED else context
            return Whole(
                _entry(row, self.backend.keyring),
                feedback,
                attachments,
                row.consent_version,
                context,
                due_at=row.due_at,
                separately=row.separately,
                without_id=row.feedback_id == NO_ID,
                content_mac=row.content_mac,
                identity_used=row.identity_used,
                locale=row.locale,
                cause=row.cause,
            )

        return await self.backend.read(look)

    async def rows_by_key(self) -> Mapping[str | None, int]:
        """How many rows each key of `DATA_KEY` encrypts, by the key's name; None stands for rows that are not
        encrypted."""
        key = submission.c.data_key
        counts = select(key, func.count()).group_by(key)
        return await self.backend.read(lambda c: {row[0]: row[1] for row in c.execute(counts)})

    async def put_back(self, ids: Sequence[str]) -> Changed:
        """Make rows due now, with all attempts of a new row, whatever held them back.

        What Insider Connect has confirmed is not sent again.
        """

        def announce(connection: Connection, ids: Sequence[str]) -> None:
            for submission_id in ids:  # a waiting job may be scheduled for much later
                self.backend.dequeue(connection, submission_id)
            self.backend.enqueue(connection, ids)

        return await self._change(self._statements.put_back, ids, RETRIABLE, announce)

    async def discard(self, ids: Sequence[str]) -> Changed:
        """Give rows up. Their files are removed at once to free space. The rest stays until retention erases it, so the
        rows can still be retried."""
        blobs: list[str] = []

        def drop(connection: Connection, ids: Sequence[str]) -> None:
            blobs[:] = drop_files(connection, ids)  # replaced if the transaction is run again

        changed = await self._change(self._statements.discard, ids, DISCARDABLE, drop)
        await self.backend.erase(blobs)
        return changed

    async def erase(self, ids: Sequence[str]) -> Erased:
        """Erase what was said in these rows, whatever their state, and give up those that wait."""
        erased = await self._erase(ids)
        return replace(erased, left=tuple(each for each in dict.fromkeys(ids) if each not in erased.ids))

    async def find_person(self, email: str) -> tuple[Sequence[str], Sequence[str]]:
        """The ids of everything that a person said, in any state, and those of rows whose damaged address may be
        anybody's."""
        wanted = addresses.key(email)
        found: list[str] = []
        damaged: list[str] = []
        async for row in self._addresses():
            try:
                address = self.backend.keyring.open(row.data_key, row.id, "email", row.email)
            except RowUnreadable:
                damaged.append(row.id)
            else:
                if addresses.key(address) == wanted:
                    found.append(row.id)
        return found, damaged

    async def erase_person(self, email: str) -> Erased:
        """Erase everything that a person said, whatever its state, and give up what waits.

        Rows whose address is damaged are left alone, and named.
        """
        found, damaged = await self.find_person(email)
        return replace(await self._erase(found), damaged=tuple(damaged))

    async def find_unreadable(self) -> Sequence[str]:
        """The ids of the rows that no listed key can decrypt."""
        return await self.backend.read(lambda c: c.scalars(self._statements.unreadable).all())

    async def erase_unreadable(self) -> Erased:
        """Erase the rows that no listed key can decrypt, and give up those that wait."""
        return await self._erase(await self.find_unreadable())

    async def _addresses(self) -> AsyncIterator[_Row]:
        """All rows that have an address. Encrypted addresses cannot be searched. A hash that could be searched would
        show anybody who has the disk which rows belong to one person."""
        after = ""
        while True:
            statement, values = self._statements.addresses, {"after": after}
            rows = await self.backend.read(partial(_all, statement=statement, values=values))
            for row in rows:
                yield row
            if len(rows) < BATCH:
                return
            after = rows[-1].id

    async def _erase(self, ids: Sequence[str]) -> Erased:
        def work(connection: Connection) -> tuple[Erased, Sequence[str]]:
            rows = connection.execute(self._statements.to_erase, {"ids": list(ids)}).all()
            waiting = [row.id for row in rows if row.state in ("queued", "sending", "unknown")]
            if waiting:
                connection.execute(self._statements.give_up, {"ids": waiting})
            blobs = erase(connection, ids, "erased on request")
            sending = sum(row.state == "sending" for row in rows)
            confirmed = tuple(row.feedback_id for row in rows if row.feedback_id not in (None, NO_ID))
            return Erased(tuple(row.id for row in rows), len(waiting), sending, confirmed), blobs

        erased, blobs = await self.backend.write(work)
        await self.backend.erase(blobs)
        return erased

    async def _change(
        self,
        statement: Any,
        ids: Sequence[str],
        allowed: Sequence[str],
        also: Callable[[Connection, Sequence[str]], None] = lambda connection, ids: None,
    ) -> Changed:
        def work(connection: Connection) -> Changed:
            done = tuple(connection.scalars(statement, {"ids": list(ids)}).all())
            also(connection, done)
            others = [submission_id for submission_id in ids if submission_id not in done]
            found = {row.id: row for row in connection.execute(self._statements.states, {"ids": others})}
            return Changed(done, {each: _why_not(found.get(each), allowed) for each in others})

        return await self.backend.write(work)


def _all(connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[_Row]:
    return connection.execute(statement, values).all()


def _why_not(row: _Row | None, allowed: Sequence[str]) -> str:
    if row is None:
        return "not known"
    if row.held_for == TEST:
        return "is a test, which is never delivered"
    if row.state == "sending":
        return "is being sent at this moment"
    if row.state not in allowed:
        return f"is {row.state}"
    return "what was said is erased"


def _entry(row: _Row, keyring: Keyring) -> Entry:
    facts = {name: getattr(row, name) for name in Entry.__dataclass_fields__}
    facts["feedback_id"] = known_id(row.feedback_id)
    opened = partial(keyring.opened_or, DAMAGED, row.data_key, row.id)
    for name, column in (("last_error", "last_error"), ("public_message", "told")):
        if sealing.is_sealed(facts[name]):
            facts[name] = opened(column, facts[name])
    return Entry(**facts)


def _attached(file: _Row, opened: Callable[[str, Any], Any], sealed: bool) -> Attached:
    name, message = opened(f"name {file.position}", file.name), opened(f"message {file.position}", file.message)
    return Attached(file.position, name, file.media_type, file.size, file.status, message, file.note, file.blob, sealed)


class _Statements:
    """The operator's statements, built once; `meant` and `after` add conditions."""

    def __init__(self, backend: Backend) -> None:
        s, a, now = submission.c, attachment.c, backend.now
        self._now = now
        one, many = s.id == bindparam("an_id"), s.id.in_(bindparam("ids", expanding=True))
        entry = _entry_columns(now)
        more = (s.description, s.email, s.rating, s.consent, s.consent_version, s.context, s.due_at, s.separately)
        given_up = _given_up(now)

        # Look.
        self.count = select(func.count()).select_from(submission)
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
            _put_back(now).where(many, s.state.in_(RETRIABLE), s.email.is_not(None), _is_real()).returning(s.id)
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
        self.unreadable = select(s.id).where(s.data_key.is_not(None), s.data_key.not_in(backend.keyring.names))

    def find(self, newest: bool) -> Select[Any]:
        """Rows in the order of their arrival, or in reverse."""
        s = submission.c
        return (
            self._find.order_by(s.accepted_at.desc(), s.id.desc())
            if newest
            else self._find.order_by(s.accepted_at, s.id)
        )

    def named(self, name: str) -> Select[Any] | None:
        """The ids for which `name` may stand; None if it cannot be an id."""
        s = submission.c
        is_number = name.isascii() and name.isdigit() and len(name) < 19
        conditions = [s.id == name]
        if len(name) >= _SHORTEST_PREFIX:
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
            conditions.append(and_(s.held_for.is_not(None), _is_real()) if wanted.held else s.held_for.is_(None))
        if wanted.restored is not None:
            is_restored = func.coalesce(s.held_for, "") == RESTORED
            conditions.append(is_restored if wanted.restored else ~is_restored)
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
        case((s.state.in_(["queued", "sending", "unknown"]), s.due_at - now), else_=null()).label("due_in"),
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


def _is_real() -> ColumnElement[bool]:
    """Not marked as a test."""
    return submission.c.held_for.is_distinct_from(TEST)


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
