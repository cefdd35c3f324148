"""What an operator can do with the outbox while the service runs.

Every change is one statement that names the states it applies to, so it cannot come between a claim and its outcome. A
row that is being sent is left alone, except by an erasure, because a person's right comes first. `widget.cli.outbox`
prints and logs.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from widget.errors import RowUnreadable
from widget.outbox import sealing
from widget.outbox.backend import Backend, terms_of
from widget.outbox.entries import DISCARDABLE, RETRIABLE, Attached, Changed, Entry, Erased, Group, Wanted, Whole
from widget.outbox.erasure import drop_files, erase
from widget.outbox.model import NO_ID, known_id
from widget.outbox.operator_statements import BATCH, operator_statements
from widget.outbox.sealing import Keyring
from widget.outbox.tables import TEST, WAITING_STATES, submission
from widget.submissions import addresses
from widget.submissions.model import Feedback

DAMAGED = "(damaged: cannot be decrypted)"
"""Shown in place of what cannot be decrypted."""
_ID = re.compile(r"[\w-]+", re.ASCII)
"""What an id looks like. Operators may give any text, and PostgreSQL refuses to look for some."""
_Row = Row[*tuple[Any, ...]]


class Operator:
    """An operator's view of the outbox on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._statements = operator_statements(terms_of(backend))

    async def count(self, wanted: Wanted) -> int:
        """How many rows are selected."""
        statement = self._statements.count.where(self._statements.meant(wanted))
        return await self.backend.read(lambda c: c.scalar(statement)) or 0

    async def count_by_state(self, wanted: Wanted) -> "Counter[str]":
        """How many rows are selected, by state."""
        statement = self._statements.count_by_state.where(self._statements.meant(wanted))
        return await self.backend.read(lambda c: Counter({row[0]: row[1] for row in c.execute(statement)}))

    async def groups(self, wanted: Wanted) -> Sequence[Group]:
        """The selected rows by state, product and reason, the largest group first."""
        statement = self._statements.groups.where(self._statements.meant(wanted))
        groups: dict[tuple[Any, ...], Group] = {}
        for row in await self.backend.read(lambda c: c.execute(statement).all()):
            reason = _opened(row, self.backend.keyring, "last_error", row.last_error)
            kind = (row.state, row.product, row.held_for, reason)
            others = groups.get(kind, Group(*kind, count=0, oldest=0.0))
            groups[kind] = Group(*kind, count=others.count + row.number, oldest=max(others.oldest, row.oldest))
        return sorted(groups.values(), key=lambda group: (-group.count, -group.oldest))

    async def ids(self, wanted: Wanted, *, limit: int | None = None, newest: bool = False) -> Sequence[str]:
        """The ids of the selected rows, oldest first unless `newest` is set. The database sorts them once, however
        many there are."""
        statement = self._statements.ids(newest).where(self._statements.meant(wanted)).limit(limit)
        return await self.backend.read(lambda c: c.scalars(statement).all())

    async def named(self, name: str) -> Sequence[str]:
        """The ids that `name` may stand for: an id, the beginning of one, or the feedback's id at Insider Connect."""
        statement = self._statements.named(name) if _ID.fullmatch(name) else None
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
        if not _ID.fullmatch(submission_id):
            return None

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

        changed = await self._change(self._statements.put_back, ids, RETRIABLE)
        if changed.done:
            await self.backend.announce()
        return changed

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

    async def _erase(self, given: Sequence[str]) -> Erased:
        ids = _possible(given)

        def work(connection: Connection) -> tuple[Erased, Sequence[str]]:
            rows = connection.execute(self._statements.to_erase, {"ids": ids}).all()
            waiting = [row.id for row in rows if row.state in WAITING_STATES]
            if waiting:
                connection.execute(self._statements.give_up, {"ids": waiting})
            blobs = erase(connection, ids, "erased on request")
            sending = sum(row.state == "sending" for row in rows)
            confirmed = tuple(row.feedback_id for row in rows if row.feedback_id not in (None, NO_ID))
            return Erased(tuple(row.id for row in rows), len(waiting), sending, confirmed), blobs

        erased, blobs = await self.backend.write_alone(work)
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
            done = tuple(connection.scalars(statement, {"ids": _possible(ids)}).all())
            also(connection, done)
            others = [submission_id for submission_id in ids if submission_id not in done]
            found = {row.id: row for row in connection.execute(self._statements.states, {"ids": _possible(others)})}
            return Changed(done, {each: _why_not(found.get(each), allowed) for each in others})

        return await self.backend.write_alone(work)


def _possible(ids: Iterable[str]) -> list[str]:
    return [each for each in ids if _ID.fullmatch(each)]


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
    facts["last_error"] = _opened(row, keyring, "last_error", row.last_error)
    facts["public_message"] = _opened(row, keyring, "told", row.public_message)
    return Entry(**facts)


def _opened(row: _Row, keyring: Keyring, column: str, text: str | None) -> str | None:
    """A text that is sealed only if others wrote it."""
    return keyring.opened_or(DAMAGED, row.data_key, row.id, column, text) if sealing.is_sealed(text) else text


def _attached(file: _Row, opened: Callable[[str, Any], Any], sealed: bool) -> Attached:
    name, message = opened(f"name {file.position}", file.name), opened(f"message {file.position}", file.message)
    return Attached(file.position, name, file.media_type, file.size, file.status, message, file.note, file.blob, sealed)
