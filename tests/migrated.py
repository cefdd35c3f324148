"""Databases with all tables at once: copies of the first that was migrated.

A migration takes longer than many a test of what comes after it. Tests of migrations do without this module.
"""

from pathlib import Path

import psycopg
from bed import Widget
from psycopg import sql

_files: list[bytes] = []
"""The content of SQLite's file, once one has been migrated."""
_templates: dict[str, str] = {}
"""The name of a migrated database that nobody uses, for each of PostgreSQL's servers."""


def migrate(widget: Widget) -> None:
    """Give the widget's database all tables. It has to be empty."""
    url = widget.environ["DATABASE_URL"]
    if not copied(url):
        widget.migrate()
        keep(url)


def is_empty(url: str) -> bool:
    """Whether there is no table of ours yet."""
    if path := _file(url):
        return not path.exists()
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT FROM pg_class WHERE relname = 'submission'").fetchone() is None


def copied(url: str) -> bool:
    """Give an empty database all tables. Returns False, and does nothing, where no copy is kept yet."""
    if path := _file(url):
        if not _files:
            return False
        path.touch(0o600)
        path.write_bytes(_files[0])
        return True
    server, _, name = url.rpartition("/")
    if server not in _templates:
        return False
    _create(server, name, _templates[server])
    return True


def keep(url: str) -> None:
    """Keep a copy of a database that has just been migrated, and is not in use."""
    if path := _file(url):
        _files[:] = [path.read_bytes()]
        return
    server, _, name = url.rpartition("/")
    if server not in _templates:
        _create(server, f"{name}_migrated", name)
        _templates[server] = f"{name}_migrated"


def _file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _create(server: str, name: str, template: str) -> None:
    """A database of that name, in place of any other: a copy of `template`."""
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {name}").format(**names))
        connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))
