"""A failed attempt to connect to PostgreSQL leaves no connection behind. A server that shuts down would wait for it."""

import asyncio
import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from widget.errors import OutboxUnavailable
from widget.outbox.connections import EngineConnection
from widget.outbox.postgres import PostgresBackend

PATIENCE = 2
"""Seconds; the shortest that psycopg allows."""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts connections and stays silent. The process collects no garbage."""
    gc.collect()
    gc.disable()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening
    gc.enable()


def address(server: socket.socket) -> str:
    return f"postgresql://widget@127.0.0.1:{server.getsockname()[1]}/widget"


def taken(server: socket.socket) -> socket.socket:
    """The next connection, and its first bytes."""
    connection, _ = server.accept()
    connection.settimeout(10)
    assert connection.recv(100)
    return connection


async def test_one_of_the_outbox_that_took_too_long_is_closed(silent: socket.socket, tmp_path: Path) -> None:
    backend = PostgresBackend(address(silent), connections=1, spool=tmp_path / "spool", connect_timeout=PATIENCE)
    with pytest.raises(OutboxUnavailable):
        await backend.open()
    with taken(silent) as connection:
        assert await asyncio.to_thread(connection.recv, 1) == b""
    await backend.close()


@pytest.mark.parametrize("how", ["it took too long", "nobody waits for it"])
async def test_one_of_the_engine_is_closed(silent: socket.socket, how: str) -> None:
    attempt = asyncio.create_task(EngineConnection.connect(address(silent), connect_timeout=PATIENCE))
    with await asyncio.to_thread(taken, silent) as connection:
        if how == "nobody waits for it":
            attempt.cancel()
        await asyncio.wait({attempt})  # and keep it with everything it refers to, as the engine's pool does
        assert await asyncio.to_thread(connection.recv, 1) == b""
    with pytest.raises((psycopg.errors.ConnectionTimeout, asyncio.CancelledError)):
        attempt.result()
