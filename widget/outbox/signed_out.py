"""The sessions of `/ops` that were ended by signing out, for all processes: a cookie alone goes on being valid wherever
a copy of it is. Each is kept for as long as its cookie could be valid."""

from sqlalchemy import Connection, delete, select

from widget.outbox.backend import Backend, upsert
from widget.outbox.tables import signed_out


class SignedOut:
    """Reads and writes them on an opened `backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def note(self, session: str, seconds: float) -> None:
        """A session has ended that might have lasted for so long. Raises OutboxUnavailable."""
        now = self._backend.now
        new = upsert(alone=self._backend.alone)(signed_out).values(session=session, until=now + seconds)

        def write(connection: Connection) -> None:
            connection.execute(delete(signed_out).where(signed_out.c.until < now))
            connection.execute(new.on_conflict_do_nothing())

        await self._backend.write(write)

    async def holds(self, session: str) -> bool:
        """Whether it was ended. Raises OutboxUnavailable."""
        wanted = select(signed_out.c.session).where(signed_out.c.session == session)
        return await self._backend.read(lambda connection: connection.scalar(wanted)) is not None
