"""Figures of each process, for several that share a database: any of them can report those of all."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from widget.outbox.backend import Backend, upsert
from widget.outbox.tables import process

SILENT = 60.0
"""Seconds after which a process that has written nothing counts as gone."""
_FORGOTTEN = 3600.0
"""Seconds after which its row is deleted."""


class Process(NamedTuple):
    """A process and its figures, by name."""

    host: str
    pid: int
    role: str
    gauges: Mapping[str, float]


def this(role: str, gauges: Mapping[str, float]) -> Process:
    """This process."""
    return Process(socket.gethostname()[:100], os.getpid(), role, gauges)


class Processes:
    """Reads and writes the figures, on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        p, now = process.c, backend.now
        new = upsert(alone=backend.alone)(process).values(seen_at=now)
        changed = {name: new.excluded[name] for name in ("role", "gauges", "seen_at")}
        self._tell = new.on_conflict_do_update(index_elements=["host", "pid"], set_=changed)
        self._forget = delete(process).where(p.seen_at < now - _FORGOTTEN)
        self._read = select(p.host, p.pid, p.role, p.gauges).where(p.seen_at > now - SILENT).order_by(p.host, p.pid)

    async def tell(self, its: Process) -> None:
        """Write a process's figures. Raises OutboxUnavailable."""
        values = its._asdict() | {"gauges": json.dumps(its.gauges)}

        def write(connection: Connection) -> None:
            connection.execute(self._forget)
            connection.execute(self._tell, values)

        await self._backend.write_alone(write)

    async def read(self) -> Sequence[Process]:
        """The figures of the processes that are alive. Raises OutboxUnavailable."""
        rows = await self._backend.read(lambda c: c.execute(self._read).all())
        return [Process(host, pid, role, json.loads(gauges)) for host, pid, role, gauges in rows]
