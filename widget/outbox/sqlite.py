"""The outbox on SQLite, for one process: a file, and the attachments as files beside it.

One thread writes, and commits everything that waits as one transaction (group commit). WAL with `synchronous=FULL`
puts each commit on the disk. A lock file keeps a second process out. Attachments are in their folder (`folder`) before
the row that refers to them is written.

What is erased leaves the disk: SQLite overwrites it in the database (`secure_delete`), and every few seconds the
write-ahead log is written back and truncated. Once an hour a small database is rewritten, because SQLite leaves copies
behind when it moves rows between pages. Only the process's own user can read any of the files.

Each commit is acknowledged only after a look at the file: one that was deleted, truncated or replaced meanwhile is not
the one that the next start finds (`presence`).
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from sqlalchemy import ColumnElement, Connection, Double, Engine, NullPool, bindparam, create_engine, event, true
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from widget.errors import ConfigurationError, OutboxUnavailable, Problem
from widget.outbox import presence, private
from widget.outbox.batches import Batches, Job, Outcome
from widget.outbox.folder import Folder
from widget.outbox.sealing import PLAIN, Keyring
from widget.submissions.model import Attachment
from widget.telemetry.counters import Key, counters

log = structlog.get_logger("widget.outbox")

T = TypeVar("T")
BUSY_TIMEOUT = 10.0
"""Seconds that a write waits for another process (a backup, an operator's command) to release the database."""
SPARE = 16 * 1024 * 1024
"""Bytes of the disk that new submissions leave free, because delivery has to write before it frees anything."""
_EMPTY_LOG_EVERY = 5.0
"""Seconds that erased content may remain in the write-ahead log, unless somebody reads an old snapshot."""
REWRITE_EVERY = 3600.0
"""Seconds between two rewrites of the database."""
_REWRITE_UP_TO = 32 * 1024 * 1024
"""Bytes of the largest database that is rewritten; this takes as much memory and a third of a second."""
_HEADER, _HEADER_SIZE = b"SQLite format 3\0", 100
_NO_DATABASE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_FAILURES = (DatabaseError, sqlite3.Error)
"""What SQLite raises; SQLAlchemy does not wrap errors while a connection is being set up."""
_FIX = (
    "Stop the service. If something was saved, move it to the path in DATABASE_URL and remove the -wal and -shm files "
    "beside it; otherwise restore a backup. Then start the service."
)


class _Lost(Exception):
    """The database file is not the one that was opened."""


class SQLiteBackend:
    """The database at `path`; `keyring` seals its texts and files. `clock` gives Unix seconds. A missing folder is
    created only with `make_folder`: it may be one that was not mounted."""

    alone = True
    takes_writes: ColumnElement[bool] = true()  # else no transaction begins
    name = "widget"

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        *,
        keyring: Keyring = PLAIN,
        make_folder: bool = True,
    ) -> None:
        self.path = path
        self._make_folder = make_folder
        self.keyring = keyring
        self.now = _now(clock)
        self.files = path.with_name(path.name + "-files")
        self.spool = self.files / "incoming"
        self._folder = Folder(self.files, keyring)
        self._lock: int | None = None
        self._engine = _engine(path, "BEGIN IMMEDIATE", poolclass=NullPool)
        self._batches: Batches | None = None
        self._readers: Engine | None = None
        self._rewrite_at = 0.0
        self._is_rewritten = False
        self._presence = presence.Presence(path)
        self._connection: Connection | None = None
        self._lost: str | None = None
        self._saved: Path | None = None

    @property
    def free(self) -> int | None:
        """Bytes that the disk has left."""
        with contextlib.suppress(OSError):
            return self._folder.free()
        return None

    def is_begun(self) -> bool:
        """Whether the file exists. If not, the folder has to be the right one, and fit to write to."""
        if self.path.exists():
            return True
        folder = self.path.absolute().parent
        if not self._make_folder and not folder.exists():
            words = (
                f"there is no folder {folder}: is a volume not mounted? To begin a new outbox there, create the folder "
                "or run `widget migrate`"
            )
            raise ConfigurationError([Problem("DATABASE_URL", words)])
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            reason = os.strerror(errno.EACCES if nearest.is_dir() else errno.ENOTDIR)
            raise ConfigurationError([Problem("DATABASE_URL", f"{nearest} cannot be used: {reason}")])
        presence.check_not_lost(self.path)
        return False

    async def open(self, *, exclusive: bool = True) -> None:
        """Make the folders, take the lock file if `exclusive`, start the writer. May be tried again."""
        if self._batches:
            return
        await asyncio.to_thread(self._prepare, exclusive)
        self._readers = _engine(self.path, "BEGIN", poolclass=QueuePool, pool_size=4, max_overflow=0)
        try:
            await asyncio.to_thread(self._check_sound, self._readers)
        except ConfigurationError:
            await self.close()
            raise
        self._batches = Batches(self._commit_all, tend=self._empty_log, pause=_EMPTY_LOG_EVERY)
        self._batches.start()

    async def close(self) -> None:
        """Finish all jobs and release the files."""
        if self._batches:
            await asyncio.to_thread(self._batches.close)
        if self._connection:
            self._connection.close()
        self._engine.dispose()
        if self._readers:
            self._readers.dispose()
        self._presence.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in the next commit."""
        assert self._batches is not None  # noqa: S101
        return await self._batches.run(job)

    async def write_alone(self, job: Callable[[Connection], T]) -> T:
        """As `write` does: there is one writer."""
        return await self.write(job)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` on a snapshot, beside the writer."""
        return await asyncio.to_thread(self._read, job)

    async def snapshot(self, job: Callable[[Connection], T]) -> T:
        """As `read` does: in WAL mode a reader sees one moment, and stops nobody."""
        return await self.read(job)

    async def write_all(self, job: Callable[[Connection], T]) -> T:
        """As `write` does."""
        return await self.write(job)

    async def keep(
        self,
        attachments: Sequence[Attachment],
        job: Callable[[Connection, Sequence[str]], bool],
        last: Callable[[Connection], object] = lambda _: None,
    ) -> Sequence[str] | None:
        """Sync the files and move them to their place before the commit that refers to them. Raises OutboxUnavailable
        if the disk is almost full."""
        self._check_room()
        blobs = await asyncio.to_thread(self._folder.store, attachments) if attachments else ()
        is_kept = False
        try:
            is_kept = await self.write(lambda connection: job(connection, blobs))
        finally:
            if blobs and not is_kept:
                await self.erase(blobs)
        return blobs if is_kept else None

    def chunks(self, blob: str, *, sealed: bool) -> AsyncIterator[bytes]:
        """The file's bytes, read in a thread."""
        stored = self._folder.chunks(blob, sealed=sealed)
        return self.keyring.open_file(blob, stored) if sealed else stored

    def stored_chunks(self, connection: Connection, blob: str) -> Iterator[bytes]:
        """The file's bytes."""
        return self._folder.stored(blob)

    def put_stored(self, connection: Connection, blob: str, chunks: Iterable[bytes]) -> None:
        """Write and sync the file."""
        self._folder.put(blob, chunks)

    async def erase(self, blobs: Iterable[str]) -> None:
        """Remove the files, if they still exist."""
        await asyncio.to_thread(self._folder.erase, list(blobs))

    async def strays(self) -> set[str]:
        """The names of all files."""
        return await asyncio.to_thread(self._folder.names)

    async def announce(self) -> None:
        """There is nobody else."""

    def _prepare(self, exclusive: bool) -> None:
        try:
            self._prepare_folder()
            self._check_header()
            for folder in (self.files, self.spool):
                private.own_folder(folder, "DATABASE_URL")
            for suffix in ("", "-wal", "-shm", ".lock"):
                private.close_to_others(self.path.with_name(self.path.name + suffix))
            presence.check_not_lost(self.path)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)  # SQLite would ask umask
            self._presence.opened(file)
            if not exclusive:
                return
            self._lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left_over in self.spool.iterdir():
                left_over.unlink()
            for kept in self.files.iterdir():
                private.close_to_others(kept)
        except BlockingIOError:
            raise ConfigurationError(
                [Problem("DATABASE_URL", f"{self.path} is in use by another process; several need PostgreSQL")]
            ) from None
        except OSError as error:
            raise ConfigurationError(
                [Problem("DATABASE_URL", f"{error.filename or self.path} cannot be used: {error.strerror}")]
            ) from None

    def _prepare_folder(self) -> None:
        """Create the folder if requested, and log that a new outbox begins: it may be the wrong place."""
        if not self.is_begun():
            self.path.absolute().parent.mkdir(parents=True, exist_ok=True, mode=private.FOLDER)
            log.warning("outbox.created", path=str(self.path.absolute()))

    def _check_header(self) -> None:
        """Somebody else's file is left alone, as are devices and pipes. Raises ConfigurationError."""
        if self.path.exists() and not self.path.is_file():
            raise self._no_database("is no regular file; give the path of another file")
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            head = file.read(_HEADER_SIZE)
            if head and (len(head) < _HEADER_SIZE or not head.startswith(_HEADER)):
                raise self._no_database("is not a SQLite database; give the path of another file")

    def _check_sound(self, engine: Engine) -> None:
        """Waiting does not repair a damaged database. Raises ConfigurationError; other failures are left to the first
        statement, since they may pass."""
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")
        except _FAILURES as error:
            if getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & 0xFF in _NO_DATABASE:
                raise self._no_database(f"is damaged ({_reason(error)}); restore a backup") from error

    def _no_database(self, words: str) -> ConfigurationError:
        return ConfigurationError([Problem("DATABASE_URL", f"{self.path} {words}")])

    def _read(self, job: Callable[[Connection], T]) -> T:
        assert self._readers is not None  # noqa: S101
        if self._lost and (trouble := self._presence.trouble()):
            raise OutboxUnavailable(trouble)
        try:
            with self._readers.connect() as connection:
                return job(connection)
        except _FAILURES as error:
            counters.add(Key("database_error"))
            raise OutboxUnavailable(_reason(error)) from error

    def _commit_all(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        """Run all jobs and commit. If the database or its file fails, all fail."""
        try:
            self._connect()
            assert self._connection is not None  # noqa: S101
            outcomes = _commit(self._connection, batch)
            self._check_presence()
            return outcomes
        except _Lost as error:
            return _all_failed(batch, str(error), error)
        except Exception as error:  # the writer has to continue whatever happens
            counters.add(Key("database_error"))
            reason = self._presence.trouble() or _reason(error)
            self._disconnect()
            # On a full disk the log cannot grow, and SQLite only writes it back when it grows.
            _run_alone(self._engine, "PRAGMA wal_checkpoint(PASSIVE)")
            return _all_failed(batch, reason, error)

    def _connect(self) -> None:
        if self._connection is None:
            self._check_presence()
            self._connection = self._engine.connect()
            self._presence.connected()

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _check_presence(self) -> None:
        """Raises _Lost if the file is not the one that was opened. What the open connection holds is saved first, as
        soon as there is a folder for it."""
        trouble = self._presence.trouble()
        if trouble is None:
            if self._lost:
                log.warning("outbox.file_found", path=str(self.path))
            self._lost = self._saved = None
            return
        if self._saved is None:
            driver = self._connection.connection.driver_connection if self._connection else None
            self._saved = presence.save(driver, self.path)
            if self._saved or self._lost is None:
                saved = str(self._saved) if self._saved else None
                log.error("outbox.file_lost", reason=trouble, saved=saved, fix=_FIX)
        self._lost = trouble
        raise _Lost(trouble)

    def _empty_log(self) -> None:
        """Write the write-ahead log back and truncate it, if it holds anything, whoever wrote it and however busy the
        writer is."""
        if self._connection:
            try:
                self._check_presence()
            except _Lost:
                return
        wal = self.path.with_name(f"{self.path.name}-wal")
        with contextlib.suppress(OSError):
            if wal.stat().st_size:
                self._is_rewritten = False
                _run_alone(self._engine, "PRAGMA wal_checkpoint(TRUNCATE)")
            elif not self._is_rewritten and time.monotonic() >= self._rewrite_at:
                self._rewrite()

    def _rewrite(self) -> None:
        """Rewrite the database while nobody writes.

        `secure_delete` overwrites what a page frees. But when SQLite balances pages, copies of rows stay in the gaps
        and outlast the rows.
        """
        size = self.path.stat().st_size
        disk = os.statvfs(self.path)
        if size <= _REWRITE_UP_TO and disk.f_bavail * disk.f_frsize > SPARE + 2 * size:
            self._is_rewritten = all(
                _run_alone(self._engine, step) for step in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
            )
            self._rewrite_at = time.monotonic() + (REWRITE_EVERY if self._is_rewritten else 0.0)

    def _check_room(self) -> None:
        try:
            free = self._folder.free()
        except OSError as error:
            raise OutboxUnavailable(f"the disk cannot be asked: {error.strerror}") from error
        if free < SPARE:
            raise OutboxUnavailable("the disk is all but full")


@lru_cache
def _now(clock: Callable[[], float]) -> ColumnElement[float]:
    """A clock as an expression, the same for the same clock."""
    return bindparam("now", callable_=clock, type_=Double, unique=True)


def _engine(path: Path, begin: str, **options: Any) -> Engine:
    address = f"file:{quote(str(path.absolute()))}?mode=rw"  # never made anew: see `presence`
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT, check_same_thread=False),
        hide_parameters=True,  # an error's text ends up in a log; what people wrote does not belong there
        **options,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins transactions late, and none for savepoints
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # NORMAL may lose acknowledged commits when power fails
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, whatever the build's default
        connection.execute("PRAGMA temp_store = MEMORY")  # or a sort could leave rows in the system's temporary folder

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _run_alone(engine: Engine, statement: str) -> bool:
    """Execute a statement outside of a transaction without waiting for locks. Returns whether it succeeded."""
    try:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute(statement)
        finally:
            connection.close()
    except _FAILURES:
        return False
    return True


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", error))


def _commit(connection: Connection, batch: Sequence[Job]) -> Sequence[Outcome]:
    """Run every job and commit. A job that fails does not affect the others: everything is rolled back, and each job is
    run again in a savepoint. This is rare. Savepoints in every case would double the number of statements."""
    try:
        with connection.begin():
            return [(job(connection), None) for job in batch]
    except OperationalError:
        raise
    except Exception:
        with connection.begin():
            return [_tried(connection, job) for job in batch]


def _tried(connection: Connection, job: Job) -> Outcome:
    """The result or the exception of a job in a savepoint. Raises OperationalError, which is not the job's fault."""
    try:
        with connection.begin_nested():
            return job(connection), None
    except OperationalError:
        raise
    except Exception as error:
        return None, error


def _all_failed(batch: Sequence[Job], reason: str, cause: Exception) -> Sequence[Outcome]:
    failures = [OutboxUnavailable(reason) for _ in batch]
    for failure in failures:
        failure.__cause__ = cause
    return [(None, failure) for failure in failures]
