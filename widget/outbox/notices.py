"""A queue of notices in the database: alerts, and events of products. Each is sent by one process, however many run.

Each destination has a channel, so one that is stuck holds up no other. A claim is a time: until `due_at` no other
process takes the notice. If a process dies while it sends, another one takes over. So a notice may arrive twice, with
the same id, but is never lost.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Insert, bindparam, delete, func, insert, literal, select, update

from widget.outbox.backend import Backend, Terms, terms_of
from widget.outbox.tables import alarm, notice

CLAIM = 30.0
"""Seconds that sending may take."""
DAY = 86_400.0
_LOCK = 0x1F33DBAD
"""The advisory lock of the process that compares the alarms."""


class Notice(NamedTuple):
    """A notice for a channel. `made_at` is in Unix seconds, `age` in seconds."""

    id: str
    channel: str
    body: Mapping[str, Any]
    attempts: int
    made_at: float
    age: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """The waiting notices of a channel: how many, the age of the oldest in seconds, and why it was not accepted."""

    count: int
    oldest: float
    reason: str | None


class Alarm(NamedTuple):
    """The body of an alert: `news` is on, still or over. `since` is in Unix seconds."""

    name: str
    words: str
    news: str
    since: float


class Queueing:
    """Queues notices in the transaction of the change that they report."""

    def __init__(self, backend: Backend) -> None:
        self._insert: Insert = insert(notice).values(
            id=bindparam("an_id"),
            channel=bindparam("via"),
            body=bindparam("text"),
            made_at=backend.now,
            due_at=backend.now,
            attempts=0,
        )

    def put(self, connection: Connection, channel: str, body: Mapping[str, Any]) -> None:
        """Queue a notice, due at once."""
        connection.execute(self._insert, {"an_id": uuid.uuid4().hex, "via": channel, "text": json.dumps(body)})


class Notices:
    """The queue, and the alarms that are on, on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._queueing = Queueing(backend)
        self._statements = _statements(terms_of(backend))

    async def settle(self, alarms: Mapping[str, str], channels: Sequence[str]) -> Sequence[Alarm]:
        """Record the alarms that are on now, by name. Queues, in one transaction, a notice for each that is new, has
        lasted another day, or is over. Returns what was queued. Raises OutboxUnavailable."""
        return await self._backend.write_alone(lambda c: self._settle(c, alarms, channels))

    def _settle(self, connection: Connection, alarms: Mapping[str, str], channels: Sequence[str]) -> Sequence[Alarm]:
        connection.execute(self._statements.lock)  # otherwise two processes could begin the same alarm
        now = connection.scalar(self._statements.now) or 0.0
        known = {row.name: row for row in connection.execute(self._statements.known)}
        new = [Alarm(name, words, "on", now) for name, words in alarms.items() if name not in known]
        still = [Alarm(n, alarms[n], "still", row.since) for n, row in known.items() if n in alarms and row[3]]
        over = [Alarm(n, row.words, "over", row.since) for n, row in known.items() if n not in alarms]
        for each in new:
            connection.execute(self._statements.on, {"called": each.name, "said": each.words})
        for each in still:
            connection.execute(self._statements.told, {"called": each.name, "said": each.words})
        if over:
            connection.execute(self._statements.over, {"names": [each.name for each in over]})
        queued = [*new, *still, *over]
        for each in queued:
            for channel in channels:
                self._queueing.put(connection, channel, each._asdict())
        return queued

    async def claim(self, channel: str, most: int = 1) -> Sequence[Notice]:
        """Claim the next due notices of a channel. Raises OutboxUnavailable."""
        values = {"via": channel, "most": most}
        rows = await self._backend.write(lambda c: c.execute(self._statements.claim, values).all())
        return [Notice(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]

    async def next_due_in(self, channel: str) -> float | None:
        """Seconds until a notice of a channel is due; None if none waits. Raises OutboxUnavailable."""
        return await self._backend.read(lambda c: c.scalar(self._statements.next, {"via": channel}))

    async def end_claims(self) -> None:
        """Make every notice due, for a process that is alone: the process that claimed it is gone. Raises
        OutboxUnavailable."""
        await self._backend.write(lambda c: c.execute(self._statements.void).rowcount)

    async def done(self, notice_id: str) -> None:
        """Remove a notice that was sent or given up. Raises OutboxUnavailable."""
        await self._backend.write(lambda c: c.execute(self._statements.done, {"an_id": notice_id}).rowcount)

    async def postpone(self, notice_id: str, delay: float, reason: str) -> None:
        """Retry a notice in `delay` seconds, because it was not accepted for a `reason`. Raises OutboxUnavailable."""
        values = {"an_id": notice_id, "delay": delay, "why": reason}
        await self._backend.write(lambda c: c.execute(self._statements.later, values).rowcount)

    async def forget(self, age: float) -> Sequence[str]:
        """Remove notices that are older than `age` seconds, which no channel sends any more. Returns the channel of
        each. Raises OutboxUnavailable."""
        return await self._backend.write_alone(lambda c: c.scalars(self._statements.old, {"age": age}).all())

    async def waiting(self) -> Mapping[str, Backlog]:
        """The waiting notices, by channel. Raises OutboxUnavailable."""
        rows = await self._backend.read(lambda c: c.execute(self._statements.counts).all())
        return {row[0]: Backlog(row[1], max(0.0, row[2]), row[3]) for row in rows}


class _Statements:
    def __init__(self, terms: Terms) -> None:
        n, a, now = notice.c, alarm.c, terms.now
        is_its, one = n.channel == bindparam("via"), n.id == bindparam("an_id")
        next_ones = select(n.id).where(is_its, n.due_at <= now).order_by(n.due_at).limit(bindparam("most"))
        if not terms.alone:
            next_ones = next_ones.with_for_update(skip_locked=True)
        self.claim = (
            update(notice)
            .where(n.id.in_(next_ones.scalar_subquery()))
            .values(due_at=now + CLAIM, attempts=n.attempts + 1)
            .returning(n.id, n.channel, n.body, n.attempts, n.made_at, now - n.made_at)
        )
        self.next = select(func.min(n.due_at) - now).where(is_its)
        self.done = delete(notice).where(one)
        self.later = update(notice).where(one).values(due_at=now + bindparam("delay"), reason=bindparam("why"))
        self.void = update(notice).where(n.due_at > now).values(due_at=now)
        self.old = delete(notice).where(n.made_at < now - bindparam("age")).returning(n.channel)
        self.counts = select(n.channel, func.count(), now - func.min(n.made_at), func.max(n.reason)).group_by(n.channel)
        self.known = select(a.name, a.words, a.since, a.told_at < now - DAY).with_for_update()
        self.on = insert(alarm).values(name=bindparam("called"), words=bindparam("said"), since=now, told_at=now)
        self.told = update(alarm).where(a.name == bindparam("called")).values(told_at=now, words=bindparam("said"))
        self.over = delete(alarm).where(a.name.in_(bindparam("names", expanding=True)))
        self.now = select(now)
        self.lock = select(func.pg_advisory_xact_lock(_LOCK)) if not terms.alone else select(literal(1))


_statements = lru_cache(_Statements)
