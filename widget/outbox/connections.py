"""Connections to PostgreSQL, those of the outbox and those of the engine.

A failed attempt to connect must leave no connection behind. In psycopg 3.3, the error of an attempt that took too long
refers to itself and so to the half-open connection, which then stays open until the garbage collector runs. A server
that shuts down waits for each of those.
"""

import asyncio
import traceback
from typing import Any, Self

import psycopg
from sqlalchemy import Engine, ExceptionContext, event

CONNECTING: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "prepare_threshold": None,
    "client_encoding": "UTF8",
}
"""Options of every connection. If the other end has vanished, this is noticed within about 15 s. A role could choose
another encoding, in which not everything that people write can be sent."""


class EngineConnection(psycopg.AsyncConnection[Any]):
    """A connection of the engine's."""

    @classmethod
    async def connect(cls, *args: Any, **kwargs: Any) -> Self:
        """Connect as psycopg does. The engine's pool may also run out of time and cancel the attempt."""
        try:
            return await super().connect(*args, **kwargs)
        except (psycopg.Error, asyncio.CancelledError) as error:
            _let_go(error)
            raise


def lead_to(url: str, engine: Engine) -> None:
    """Let libpq read `url`, as it does for the engine of the jobs: SQLAlchemy takes the hosts of a failover in another
    way. What a failed attempt has left is closed."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            return psycopg.connect(url, **kwargs)
        except psycopg.Error as error:
            _let_go(error)
            raise


def leave_read_only(engine: Engine) -> None:
    """Let a connection of `engine` to a server that accepts no writes count as lost.

    After a failover, it may lead to the former primary, which stays a standby for good. A new one may find the primary.
    """

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
            context.is_disconnect = True


def prepare_where_possible(engine: Engine) -> None:
    """Let the server keep the statements that `engine` repeats, which halves their cost there.

    A pooler would pass the next transaction to a server process that does not know them. It also invents the process
    number that it gives to the client, so a correct number means that the server itself answers.
    """

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        driver = connection.driver_connection if hasattr(connection, "driver_connection") else connection
        (number,) = driver.execute("SELECT pg_backend_pid()").fetchone()
        driver.rollback()
        if number == driver.info.backend_pid:
            driver.prepare_threshold = _REPEATED


_REPEATED = 3
"""Executions of a statement after which the server keeps it."""


def _let_go(error: BaseException) -> None:
    """Clear the variables of the functions that failed: a generator among them still holds the connection."""
    cause: BaseException | None = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__context__
