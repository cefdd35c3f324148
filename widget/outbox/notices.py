"""What is to be told to others: alerts. Queued in the database and sent by one process, however many there are.

A claim is a time: until `due_at` nobody else takes the notice. A process that dies while it sends leaves it to the next
one, so a notice may come twice, and never not at all.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, update

from widget.outbox.backend import Backend
from widget.outbox.tables import alarm, notice

CLAIM = 60.0
"""Seconds that sending may take."""
DAY = 86_400.0


class Notice(NamedTuple):
    """Something to tell, over a channel. `age` is in seconds."""

    id: str
    channel: str
    body: Mapping[str, Any]
    attempts: int
    age: float


class Alarm(NamedTuple):
    """What is told of an alarm: `news` is on, still or over. `since` is in Unix seconds."""

    name: str
    words: str
    news: str
    since: float


class Notices:
    """The queue, and the alarms that are on, on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        n, a, now = notice.c, alarm.c, backend.now
        next_one = select(n.id).where(n.due_at <= now).order_by(n.due_at).limit(1)
        if not backend.alone:
            next_one = next_one.with_for_update(skip_locked=True)
        self._claim = (
            update(notice)
            .where(n.id == next_one.scalar_subquery())
            .values(due_at=now + CLAIM, attempts=n.attempts + 1)
            .returning(n.id, n.channel, n.body, n.attempts, now - n.made_at)
        )
        self._done = delete(notice).where(n.id == bindparam("an_id"))
        self._later = update(notice).where(n.id == bindparam("an_id")).values(due_at=now + bindparam("delay"))
        self._put = insert(notice).values(
            id=bindparam("an_id"), channel=bindparam("via"), body=bindparam("text"), made_at=now, due_at=now, attempts=0
        )
        self._known = select(a.name, a.words, a.since, a.told_at < now - DAY).with_for_update()
        self._on = insert(alarm).values(name=bindparam("called"), words=bindparam("said"), since=now, told_at=now)
        self._told = update(alarm).where(a.name == bindparam("called")).values(told_at=now, words=bindparam("said"))
        self._over = delete(alarm).where(a.name.in_(bindparam("names", expanding=True)))
        self._now = select(now)
        self._lock = select(func.pg_advisory_xact_lock(_LOCK)) if not backend.alone else select(literal(1))

    async def settle(self, alarms: Mapping[str, str], channels: Sequence[str]) -> Sequence[Alarm]:
        """These alarms are on now, by name. Queues what is new, what has lasted for another day, and what is over, in
        one transaction. Returns what was queued. Raises OutboxUnavailable."""
        return await self._backend.write(lambda c: self._settle(c, alarms, channels))

    def _settle(self, connection: Connection, alarms: Mapping[str, str], channels: Sequence[str]) -> Sequence[Alarm]:
        connection.execute(self._lock)  # or two processes would begin the same alarm
        now = connection.scalar(self._now) or 0.0
        known = {row.name: row for row in connection.execute(self._known)}
        new = [Alarm(name, words, "on", now) for name, words in alarms.items() if name not in known]
        still = [Alarm(n, alarms[n], "still", row.since) for n, row in known.items() if n in alarms and row[3]]
        over = [Alarm(n, row.words, "over", row.since) for n, row in known.items() if n not in alarms]
        for each in new:
            connection.execute(self._on, {"called": each.name, "said": each.words})
        for each in still:
            connection.execute(self._told, {"called": each.name, "said": each.words})
        if over:
            connection.execute(self._over, {"names": [each.name for each in over]})
        queued = [*new, *still, *over]
        for each in queued:
            for channel in channels:
                values = {"an_id": uuid.uuid4().hex, "via": channel, "text": json.dumps(each._asdict())}
                connection.execute(self._put, values)
        return queued

    async def claim(self) -> Notice | None:
        """The next that is due, for a while this process's; None if there is none. Raises OutboxUnavailable."""
        row = await self._backend.write(lambda c: c.execute(self._claim).one_or_none())
        return None if row is None else Notice(row[0], row[1], json.loads(row[2]), row[3], row[4])

    async def done(self, notice_id: str) -> None:
        """It was told, or given up. Raises OutboxUnavailable."""
        await self._backend.write(lambda c: c.execute(self._done, {"an_id": notice_id}).rowcount)

    async def postpone(self, notice_id: str, delay: float) -> None:
        """Not yet: again in `delay` seconds. Raises OutboxUnavailable."""
        await self._backend.write(lambda c: c.execute(self._later, {"an_id": notice_id, "delay": delay}).rowcount)


_LOCK = 0x1F33DBAD
"""Names the advisory lock of whoever settles the alarms."""
