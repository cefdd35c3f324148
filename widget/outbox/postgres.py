"""The outbox on PostgreSQL, for processes on any number of machines.

One thread writes what is short, and commits everything that waits as one transaction (group commit). Everything else
runs on a few threads, each with its own connection. The bytes of attachments are rows, written in the transaction of
their submission. The address may be that of a pooler in transaction mode: nothing outlasts a transaction, and
statements are prepared only where the server itself answers.
"""

import asyncio
import contextlib
import itertools
import re
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
from sqlalchemy import ColumnElement, Connection, Double, Engine, create_engine, extract, func, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from widget.errors import AttachmentMissing, ConfigurationError, OutboxUnavailable, OutboxUnusable, Problem
from widget.outbox import jobs
from widget.outbox.batches import Batches, Job, Outcome
from widget.outbox.connections import CONNECTING, lead_to, leave_read_only, prepare_where_possible
from widget.outbox.outage import answers_within
from widget.outbox.sealing import FRAME, PLAIN, Keyring, frames
from widget.outbox.spool import Spool
from widget.outbox.tables import metadata
from widget.submissions.model import Attachment
from widget.submissions.spooled import SpooledFile
from widget.telemetry.counters import Key, counters

T = TypeVar("T")
_PATIENCE = 30.0
"""Seconds that a transaction may take; one with 20 MiB of attachments takes less than one."""
_LAST_JOBS = 2.0
"""Seconds that closing waits for running jobs. An unavailable database may hold a thread for much longer."""
_PLAIN_CHUNK = 64 * 1024
"""Bytes of a file in one row, where it is not sealed. The server takes a third less time for these than for larger
ones, for which it asks the system for memory each time."""
_AT_ONCE = 8
"""Rows that are read at once: with sealed ones, 2 MiB."""
_ONE_BY_ONE = text(f"SELECT pg_advisory_xact_lock({0x1F33DBAE})")
"""Waits for the transactions with attachments that came before."""
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
"""What a process that serves may do with our tables. Commands need the first, and some of them more."""
_LASTING = re.compile(
    r"does not support SSL|sslmode|certificate|authentication failed|no password supplied|no pg_hba\.conf entry"
    r"|(database|role) \".{1,63}\" does not exist"
)
"""Messages of a database about problems that waiting does not fix. libpq has no code for a failed connection, only this
text. If the text is in another language, the start waits as it does for a database that is unavailable."""
_REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)
"""What the database says if somebody took a right, a table or the like away: nothing can be stored until it is back."""


class PostgresBackend:
    """The database at `url`, with up to `connections` at once. `spool` is the folder for uploads until they are kept,
    and `keyring` encrypts texts and files. A host has `connect_timeout` seconds to answer. The server shows `name` for
    each connection."""

    alone = False
    # Of the whole statement, rather than of each row that it looks at: only so can an index on `due_at` be used.
    now: ColumnElement[float] = sql_cast(extract("epoch", func.statement_timestamp()), Double)
    takes_writes: ColumnElement[bool] = func.current_setting("transaction_read_only") == "off"

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        spool: Path,
        keyring: Keyring = PLAIN,
        connect_timeout: int = 5,
        name: str = "widget",
    ) -> None:
        self.keyring = keyring
        self.name = name
        self._connect_timeout = connect_timeout
        self._url = url
        self._connections = connections
        self._spool = Spool(spool)
        self.spool = self._spool.path
        self._engine: Engine | None = None
        self._looking: Engine | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._batches = Batches(self._commit_all)
        self._has_answered = False

    @property
    def free(self) -> int | None:
        """The disk is the server's."""
        return None

    def is_begun(self) -> bool:
        """Only `open` can tell."""
        return True

    async def open(self, *, exclusive: bool = True) -> None:
        """Connect, and check that the database keeps what it confirms. May be repeated while it is unavailable."""
        if self._engine is None:
            await asyncio.to_thread(self._spool.open)
            self._prepare()
        try:
            await self.read(_check_keeps_all)
            await self.read(partial(_check_rights, serves=exclusive))
            self._has_answered = True
        except OutboxUnavailable as error:
            if _LASTING.search(str(error)):
                raise ConfigurationError([Problem("DATABASE_URL", f"cannot be used: {error}")]) from error
            raise
        except ProgrammingError as error:  # an option of the address that libpq does not know
            raise ConfigurationError([Problem("DATABASE_URL", f"cannot be used: {_first_line(error.orig)}")]) from error

    def _prepare(self) -> None:
        self._threads = ThreadPoolExecutor(max(1, self._connections - 1), thread_name_prefix="outbox")
        self._engine = create_engine(
            "postgresql+psycopg://",
            pool_size=self._connections,
            max_overflow=0,
            connect_args=CONNECTING | {"connect_timeout": self._connect_timeout, "application_name": self.name},
            isolation_level="READ COMMITTED",  # whatever the role would choose: two processes claim at the same time
            hide_parameters=True,  # an error's text ends up in a log; what people wrote does not belong there
            use_native_hstore=False,
        )
        lead_to(self._url, self._engine)
        leave_read_only(self._engine)
        prepare_where_possible(self._engine)
        self._looking = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._batches.start()

    async def close(self) -> None:
        """Finish the running jobs, unless the database keeps them waiting, and close the connections."""
        if self._threads:
            finished = asyncio.Event()
            threading.Thread(
                target=_finish, args=(self._batches, self._threads, asyncio.get_running_loop(), finished), daemon=True
            ).start()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_JOBS if self._has_answered else 0):
                    await finished.wait()
        if self._engine:
            self._engine.dispose()
        await asyncio.to_thread(self._spool.close)

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in the next commit."""
        async with answers_within(_PATIENCE):
            return await self._batches.run(job)

    async def write_alone(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in a transaction of its own."""
        return await self._on_thread(self._commit, job)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` without a transaction: each of its statements sees what is committed then."""
        return await self._on_thread(self._look, job)

    async def snapshot(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in a transaction of its own that sees one moment."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look_at_one_moment, job)

    async def write_all(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in a transaction of its own, without a limit of time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._commit, job)

    async def keep(
        self,
        attachments: Sequence[Attachment],
        job: Callable[[Connection, Sequence[str]], bool],
        last: Callable[[Connection], object] = lambda _: None,
    ) -> Sequence[str] | None:
        """Store the bytes after `job`, so that a repeat which it finds costs no more than finding it. Only then does a
        transaction wait for the others: the bytes take longer than what is left to do."""
        blobs = [uuid.uuid4().hex for _ in attachments]

        def store(connection: Connection) -> bool:
            is_kept = job(connection, blobs)
            if blobs and is_kept:
                _copy(connection, _chunks(self.keyring, blobs, [attachment.content for attachment in attachments]))
                connection.execute(_ONE_BY_ONE)
                last(connection)
            return is_kept

        return blobs if await (self.write_alone(store) if blobs else self.write(store)) else None

    def chunks(self, blob: str, *, sealed: bool) -> AsyncIterator[bytes]:
        """The rows of the blob, each read when it is needed."""
        return self.keyring.open_file(blob, self._frames(blob)) if sealed else self._frames(blob)

    async def _frames(self, blob: str) -> AsyncIterator[bytes]:
        for number in itertools.count(step=_AT_ONCE):
            chunks = await self.read(partial(_chunks_from, blob=blob, number=number))
            if not (chunks or number):  # no file of ours is empty
                raise AttachmentMissing("The file is no longer stored.")
            for chunk in chunks:
                yield chunk
            if len(chunks) < _AT_ONCE:
                return

    def stored_chunks(self, connection: Connection, blob: str) -> Iterator[bytes]:
        """The rows of the blob."""
        for number in itertools.count(step=_AT_ONCE):
            chunks = _chunks_from(connection, blob, number)
            yield from chunks
            if len(chunks) < _AT_ONCE:
                return

    def put_stored(self, connection: Connection, blob: str, chunks: Iterable[bytes]) -> None:
        """Store each chunk as a row."""
        _copy(connection, ((blob, number, chunk) for number, chunk in enumerate(chunks)))

    async def erase(self, blobs: Sequence[str]) -> None:
        """Nothing is left to do: a trigger removed the bytes along with the name."""

    async def strays(self) -> set[str]:
        """None: the bytes are committed with the rows that name them."""
        return set()

    async def announce(self) -> None:
        """Defer the engine's job, in a transaction of its own: two processes may do so at once."""
        with contextlib.suppress(OutboxUnavailable, IntegrityError):
            await self.write_alone(jobs.announce)

    async def _on_thread(self, run: Callable[[Callable[[Connection], T]], T], job: Callable[[Connection], T]) -> T:
        assert self._threads is not None  # noqa: S101
        future = asyncio.get_running_loop().run_in_executor(self._threads, run, job)
        async with answers_within(_PATIENCE):
            return await future

    def _commit_all(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        """Run all jobs and commit. If one fails, each is run again in a transaction of its own, so that it does not
        affect the others. If the database fails, all fail."""
        if len(batch) > 1:
            with contextlib.suppress(_JobFailed):
                return self._together(batch)
        return [self._by_itself(job) for job in batch]

    def _together(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        def run(connection: Connection) -> list[Outcome]:
            try:
                return [(job(connection), None) for job in batch]
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                raise _JobFailed from error
            except Exception as error:
                raise _JobFailed from error

        try:
            return self._commit(run)
        except OutboxUnavailable as error:
            return [(None, type(error)(str(error))) for _ in batch]

    def _by_itself(self, job: Callable[[Connection], Any]) -> Outcome:
        try:
            return self._commit(job), None
        except Exception as error:
            return None, error

    def _commit(self, job: Callable[[Connection], T]) -> T:
        """Run `job` and commit. If the old connection was lost before the commit, run it once more on a new one."""
        assert self._engine is not None  # noqa: S101
        for again in (True, False):
            committing = False
            try:
                with self._engine.connect() as connection, connection.begin() as transaction:
                    result = job(connection)
                    committing = True
                    transaction.commit()
                    return result
            except (DBAPIError, psycopg.Error) as error:
                if committing or not (again and self._is_lost(error)):
                    raise _translated(error) from error
        raise AssertionError

    def _look(self, job: Callable[[Connection], T]) -> T:
        assert self._looking is not None  # noqa: S101
        for again in (True, False):
            try:
                with self._looking.connect() as connection:
                    return job(connection)
            except (DBAPIError, psycopg.Error) as error:
                if not (again and self._is_lost(error)):
                    raise _translated(error) from error
        raise AssertionError

    def _look_at_one_moment(self, job: Callable[[Connection], T]) -> T:
        assert self._engine is not None  # noqa: S101
        moment = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            with moment.connect() as connection:
                return job(connection)
        except (DBAPIError, psycopg.Error) as error:
            raise _translated(error) from error

    def _is_lost(self, error: DBAPIError | psycopg.Error) -> bool:
        """Whether the connection failed. Then the others are not used any more either."""
        if isinstance(error, DBAPIError):
            return error.connection_invalidated
        if lost := isinstance(error, psycopg.OperationalError):
            assert self._engine is not None  # noqa: S101
            self._engine.dispose(close=False)
        return lost


class _JobFailed(Exception):
    """A job in a batch failed, but not the connection."""


def _finish(
    batches: Batches, threads: ThreadPoolExecutor, loop: asyncio.AbstractEventLoop, finished: asyncio.Event
) -> None:
    batches.close()
    threads.shutdown(cancel_futures=True)
    with contextlib.suppress(RuntimeError):  # it took too long, and the loop is closed
        loop.call_soon_threadsafe(finished.set)


def _translated(error: DBAPIError | psycopg.Error) -> Exception:
    """Translates an error: the database is unavailable, or there is a fault of ours that must not be hidden."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, _REFUSALS):
        counters.add(Key("database_error"))
        return OutboxUnusable(_first_line(cause))
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError):
        counters.add(Key("database_error"))
        return OutboxUnavailable(_first_line(cause))
    return error


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _check_keeps_all(connection: Connection) -> None:
    """A server that confirms what it has not written would break our main promise, and one that cannot store every
    character would refuse what people wrote."""
    statement = text("SELECT name, current_setting(name) FROM unnest(CAST(:names AS text[])) AS name")
    problems = []
    for name, value in connection.execute(statement, {"names": ["fsync", "synchronous_commit", "server_encoding"]}):
        if value == "off":
            problems.append(f"the server has {name} = off: what it confirms may be lost; turn it on")
        elif name == "server_encoding" and value != "UTF8":
            problems.append(f"the database cannot store every character: its encoding is {value}; create it in UTF8")
    if problems:
        raise ConfigurationError([Problem("DATABASE_URL", problem) for problem in problems])


def _check_rights(connection: Connection, serves: bool) -> None:
    """A role that may not use the tables cannot serve. Without the sequences it could, but would wake nobody."""
    statement = text(
        "SELECT relname FROM pg_class, unnest(CAST(:names AS text[])) AS t, unnest(CAST(:needed AS text[])) AS r "
        "WHERE oid = to_regclass(t) AND NOT CASE relkind WHEN 'S' THEN has_sequence_privilege(oid, 'USAGE') "
        "ELSE has_table_privilege(oid, r) END LIMIT 1"
    )
    needed, names = (_RIGHTS, [*metadata.tables, *jobs.RELATIONS]) if serves else (_RIGHTS[:1], [*metadata.tables])
    if name := connection.scalar(statement, {"names": names, "needed": list(needed)}):
        rights = f"{', '.join(needed)} on all tables" + (" and USAGE on all sequences" if serves else "")
        words = f"its role may not use {name}: grant it {rights}, or give the role that owns them"
        raise ConfigurationError([Problem("DATABASE_URL", words)])


@contextlib.contextmanager
def _driver(connection: Connection) -> Iterator[psycopg.Connection[Any]]:
    """The driver's own connection, for what SQLAlchemy does not support: COPY, and bytes that are not converted."""
    try:
        yield cast(Any, connection.connection.driver_connection)
    except psycopg.OperationalError as error:
        connection.invalidate(error)
        raise


def _copy(connection: Connection, chunks: Iterable[tuple[str, int, bytes]]) -> None:
    """Stream blobs, numbers and bytes into their rows with one command."""
    into = "COPY attachment_chunk (blob, number, bytes) FROM STDIN (FORMAT binary)"
    with _driver(connection) as driver, driver.cursor() as cursor, cursor.copy(into) as copy:
        copy.set_types(["varchar", "int4", "bytea"])
        for chunk in chunks:
            copy.write_row(chunk)


def _chunks(
    keyring: Keyring, blobs: Sequence[str], contents: Sequence[SpooledFile]
) -> Iterator[tuple[str, int, bytes]]:
    for blob, content in zip(blobs, contents, strict=True):
        try:
            whole = content.read_bytes()
        except OSError as error:
            raise OutboxUnavailable(f"an attachment cannot be read: {error.strerror}") from error
        size = FRAME if keyring.newest else _PLAIN_CHUNK
        for number, chunk in enumerate(keyring.seal_file(blob, frames(whole, size))):
            yield blob, number, chunk


def _chunks_from(connection: Connection, blob: str, number: int) -> Sequence[bytes]:
    """The chunks of a blob from `number` on, `_AT_ONCE` at most: fewer if they are the last."""
    statement = "SELECT bytes FROM attachment_chunk WHERE blob = %s AND number >= %s ORDER BY number LIMIT %s"
    with _driver(connection) as driver, driver.cursor(binary=True) as cursor:
        cursor.execute(statement, (blob, number, _AT_ONCE))
        return [chunk for (chunk,) in cursor]
