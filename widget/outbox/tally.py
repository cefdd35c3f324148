"""Counts of events that hold nothing personal. They outlive the rows that they counted.

The database counts submissions and their outcomes by itself, in the transaction that changes a row (`tally_schema`).
Events without a row, such as refused requests, are added by the process that saw them. All processes read the same.
"""

import math
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
)

from widget.outbox.backend import Backend, Terms, terms_of, upsert
from widget.outbox.tables import tally
from widget.telemetry.counters import Amount, Key

_HOUR, _DAY = 3600, 86_400
_APART = 2 * _HOUR
"""Seconds for which an hour's counts are kept per connection before they are added up."""
_HOURS_KEPT = 35 * _DAY
"""Seconds after which the counts of a day's hours are added up."""


class Count(NamedTuple):
    """A count for the hour that began at `hour`, in Unix seconds, or for the day once that is long ago."""

    hour: int
    key: Key
    amount: Amount


class Tally:
    """The counts on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._compacted_at = -math.inf
        self._statements = _statements(terms_of(backend))

    async def add(self, amounts: Mapping[Key, Amount]) -> None:
        """Add counts of events that have no row. Raises OutboxUnavailable."""
        rows = [_row(key, amount) for key, amount in sorted(amounts.items())]
        if rows:
            await self._backend.write(lambda c: c.execute(self._statements.add, rows))

    async def read(self, age: float, events: Collection[str]) -> Sequence[Count]:
        """The counts of `events` in the last `age` seconds, oldest first. Raises OutboxUnavailable."""
        values = {"age": age, "events": list(events)}
        rows = await self._backend.read(lambda c: c.execute(self._statements.read, values).all())
        return [Count(row[0], Key(*row[1:7]), Amount(int(row[7]), row[8])) for row in rows]

    async def totals(self) -> Mapping[Key, Amount]:
        """Everything that was ever counted. Raises OutboxUnavailable."""
        rows = await self._backend.read(lambda c: c.execute(self._statements.totals).all())
        return {Key(*row[:6]): Amount(int(row[6]), row[7]) for row in rows}

    async def tidy(self) -> None:
        """Compact once an hour, however often this is called. Raises OutboxUnavailable."""
        if time.monotonic() >= self._compacted_at + _HOUR:
            await self.compact()
            self._compacted_at = time.monotonic()

    async def compact(self) -> int:
        """Add up what is complete: the connections' counts of an hour, the hours of a day. Returns how many rows were
        merged. Raises OutboxUnavailable."""
        return await self._backend.write_alone(self._compact)

    def _compact(self, connection: Connection) -> int:
        taken = connection.execute(self._statements.take).all()
        sums: defaultdict[tuple[int, Key], Amount] = defaultdict(lambda: Amount(0))
        for row in taken:
            hour, key = row.hour, Key(*(row._mapping[name] for name in Key._fields))
            place = (hour - hour % _DAY if row[-1] else hour, key)
            sums[place] = sums[place].plus(Amount(row._mapping["count"], row.seconds))
        rows = [_row(key, amount) | {"an_hour": hour} for (hour, key), amount in sorted(sums.items())]
        if rows:
            connection.execute(self._statements.put, rows)
        return len(taken)


def _row(key: Key, amount: Amount) -> dict[str, Any]:
    return {**key._asdict(), "count": amount.number, "seconds": amount.seconds}


def _added(insert: Any, **given: ColumnElement[int]) -> Any:
    named: dict[str, ColumnElement[Any]] = {name: bindparam(name) for name in (*Key._fields, "count", "seconds")}
    new = insert(tally).values(**named, **given)
    return new.on_conflict_do_update(
        index_elements=[column.name for column in tally.primary_key],
        set_={name: tally.c[name] + new.excluded[name] for name in ("count", "seconds")},
    )


class _Statements:
    def __init__(self, terms: Terms) -> None:
        t, now = tally.c, terms.now
        key = [t[name] for name in Key._fields]
        total = [func.sum(t.count), func.sum(t.seconds)]
        self.read = (
            select(t.hour, *key, *total)
            .where(t.hour >= now - bindparam("age"), t.event.in_(bindparam("events", expanding=True)))
            .group_by(t.hour, *key)
            .order_by(t.hour)
        )
        self.totals = select(*key, *total).group_by(*key)
        is_apart = and_(t.slot != 0, t.hour < now - _APART)
        is_old = and_(t.hour % _DAY != 0, t.hour < now - _HOURS_KEPT)
        self.take = delete(tally).where(or_(is_apart, is_old)).returning(*tally.c, (t.hour < now - _HOURS_KEPT))
        if terms.alone:
            this_hour: ColumnElement[int] = cast(now / _HOUR, Integer) * _HOUR
            slot: ColumnElement[int] = literal(0)
        else:
            this_hour = cast(func.floor(now / _HOUR), BigInteger) * _HOUR
            slot = func.pg_backend_pid()
        insert = upsert(alone=terms.alone)
        self.add = _added(insert, hour=this_hour, slot=slot)
        self.put = _added(insert, hour=bindparam("an_hour"), slot=literal(0))


_statements = lru_cache(_Statements)
