"""A PostgreSQL server for tests: the machine's own program, with its data in a temporary folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, ClassVar, LiteralString, Self

import psycopg
from bed import STOP, free_port, plain_environ, until
from psycopg import sql

BINARIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
_ROOM = 2 << 30
"""Bytes for all servers that run at once: each has a few databases of 8 MB, and its log."""
_IN_MEMORY = {"max_wal_size": "192MB", "dynamic_shared_memory_type": "mmap"}
"""Options that keep the log small, and leave nothing beside the folder when a server is killed."""


def binary(name: str) -> str:
    """The path of a program of PostgreSQL or of its pooler."""
    if found := shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin"):
        return found
    found = next((str(path) for pattern in BINARIES for path in Path("/").glob(f"{pattern[1:]}/{name}")), None)
    assert found, f"{name} is not installed; scripts/setup does that"
    return found


def ordinary_user() -> Mapping[str, Any]:
    """Arguments of `subprocess` for programs that refuse to run as root."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def memory() -> Path | None:
    """A file system in memory, if there is one with room."""
    place = Path("/dev/shm")  # noqa: S108 - `mkdtemp` makes a folder of its own there
    return place if place.is_dir() and shutil.disk_usage(place).free > _ROOM else None


class _Server:
    """A program that runs as an ordinary user, with its own folder below `place` and a free port."""

    def __init__(self, place: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="feedback-", dir=place))
        self._is_in_memory = place is not None
        self.port = free_port()
        if user := ordinary_user():
            os.chown(self.folder, user["user"], user["group"])
        self._popen: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] = (self.folder / "log").open("ab")

    def _spawn(self, *arguments: str) -> None:
        self._popen = subprocess.Popen(
            arguments,
            cwd=self.folder,
            env=plain_environ(),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            **ordinary_user(),
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._popen
        return self._popen.pid

    def log(self) -> str:
        """Its output."""
        return (self.folder / "log").read_text("utf-8", errors="replace")

    def end(self, sig: signal.Signals) -> None:
        """Stop it with a signal, and wait until it has ended."""
        if self._popen and self._popen.poll() is None:
            self._popen.send_signal(sig)
            try:
                self._popen.wait(STOP)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"did not end within {STOP} s of {sig.name}:\n{self.log()[-4000:]}") from None

    def _until_it_answers(self) -> None:
        def answers() -> bool:
            assert self._popen
            assert self._popen.poll() is None, self.log()
            try:
                psycopg.connect(f"postgresql://widget@127.0.0.1:{self.port}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        until(answers, 30)

    def _remove(self) -> None:
        self.end(signal.SIGQUIT)
        self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(_Server):
    """A server that syncs its files as in production. `database` creates an empty database and returns its address.

    Tests have it in `memory`: a database has 300 files, which take a disk longer to create and to remove than most
    tests last. What is there outlives the server, whatever ends it. Benchmarks have it on a disk.
    """

    made: ClassVar[list[tuple["Postgres", str]]] = []
    """The databases of all servers, by name, the newest last."""

    def __enter__(self) -> Self:
        made = subprocess.run(
            [binary("initdb"), "-N", "-D", "data", "-U", "widget", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"],
            cwd=self.folder,
            env=plain_environ(),
            capture_output=True,
            text=True,
            **ordinary_user(),
        )
        assert made.returncode == 0, made.stderr
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "recovery_init_sync_method": "syncfs",  # after a crash, it would sync each file of hundreds of databases
            **(_IN_MEMORY if self._is_in_memory else {}),
        }
        self._spawn(binary("postgres"), "-D", "data", *(f"--{name}={value}" for name, value in options.items()))
        self._until_it_answers()

    def stop(self, sig: signal.Signals = signal.SIGINT) -> None:
        """SIGINT closes all connections and stops ("fast"); SIGQUIT is a crash."""
        self.end(sig)

    def restart(self) -> None:
        """Stop and start, as a package upgrade does."""
        self.stop()
        self.start()

    def execute(self, statement: LiteralString | sql.Composed) -> None:
        """Run a statement as the server's owner."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://widget@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """A new and empty database's address."""
        if self._popen is None or self._popen.poll() is not None:  # left in this state by a failed test
            self.start()
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self.made.append((self, name))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database while its files are not on the disk yet: a checkpoint would sync hundreds of them."""
        if self._popen and self._popen.poll() is None:
            self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class PgBouncer(_Server):
    """A pooler in transaction mode in front of `server`."""

    def __init__(self, server: Postgres) -> None:
        super().__init__()
        self._server = server
        self._config = self.folder / "pgbouncer.ini"
        self._config.write_text(
            f"""\
[databases]
* = host=127.0.0.1 port={server.port} user=widget
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
"""
        )

    def __enter__(self) -> Self:
        self._spawn(binary("pgbouncer"), str(self._config))
        self._until_it_answers()
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def url(self, direct: str) -> str:
        """The address of a database through the pooler; `direct` is its address without."""
        return direct.replace(f":{self._server.port}/", f":{self.port}/")
