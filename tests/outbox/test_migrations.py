"""The schema: any process can create or upgrade it at any time, and waiting rows are kept."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bed import Sandbox, Widget, until
from outboxes import backend_at, new_submission, outbox_at
from sqlalchemy import Connection, inspect, make_url, text

from widget.errors import ConfigurationError
from widget.outbox import migrations
from widget.outbox.outbox import Outbox
from widget.outbox.tables import metadata

VERSION_1 = """
CREATE TABLE schema_version (
    "only" INTEGER NOT NULL PRIMARY KEY CHECK ("only" = 1), version INTEGER NOT NULL
);
INSERT INTO schema_version VALUES (1, 1);
CREATE TABLE submission (
    id VARCHAR(32) NOT NULL PRIMARY KEY, product VARCHAR(50) NOT NULL, state VARCHAR(10) NOT NULL,
    accepted_at DOUBLE PRECISION NOT NULL, due_at DOUBLE PRECISION, claim VARCHAR(32), intent VARCHAR(10),
    attempts INTEGER NOT NULL, separately BOOLEAN NOT NULL, possible_duplicate BOOLEAN NOT NULL, feedback_id BIGINT,
    last_error TEXT, told TEXT, ended_at DOUBLE PRECISION, description TEXT, email TEXT, rating BOOLEAN, consent BOOLEAN
);
CREATE INDEX submission_due ON submission (due_at) WHERE state IN ('queued', 'sending', 'unknown');
CREATE TABLE attachment (
    submission_id VARCHAR(32) NOT NULL REFERENCES submission (id) ON DELETE CASCADE, position INTEGER NOT NULL,
    name TEXT NOT NULL, media_type VARCHAR(40) NOT NULL, size INTEGER NOT NULL, status VARCHAR(10) NOT NULL,
    message TEXT, blob VARCHAR(32), PRIMARY KEY (submission_id, position)
);
INSERT INTO submission VALUES
    ('waiting', 'demo', 'queued', {now}, {now}, NULL, NULL, 3, false, false, NULL,
     'busy', NULL, NULL, 'waited', 'ada@example.com', true, true),
    ('interrupted', 'demo', 'sending', {now}, {now}, 'c', 'create', 1, false, false, NULL,
     NULL, NULL, NULL, 'nobody knows', 'ada@example.com', NULL, false);
"""
"""A database of the first release, with waiting rows."""


@contextmanager
def database(url: str) -> Iterator[Callable[[str], Any]]:
    """Run scripts on a database without the outbox."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            yield connection.executescript
    else:
        with psycopg.connect(url) as session:
            yield lambda script: session.execute(script.encode())


def columns(connection: Connection) -> dict[str, set[tuple[str, bool]]]:
    look = inspect(connection)
    return {
        table: {(column["name"], column["nullable"]) for column in look.get_columns(table)} for table in metadata.tables
    }


async def test_the_steps_lead_to_the_tables_that_the_statements_know(database_url: str, tmp_path: Path) -> None:
    wanted = {
        name: {(column.name, bool(column.nullable)) for column in table.columns}
        for name, table in metadata.tables.items()
    }
    indices = {index.name for table in metadata.tables.values() for index in table.indexes}
    async with outbox_at(database_url, tmp_path) as outbox:
        assert await outbox.backend.read(columns) == wanted
        found = await outbox.backend.read(
            lambda c: {index["name"] for table in metadata.tables for index in inspect(c).get_indexes(table)}
        )
        assert indices <= found


async def test_migrating_again_or_from_everywhere_at_once_does_no_harm(database_url: str, tmp_path: Path) -> None:
    async def migrate() -> None:
        outbox = Outbox(backend_at(database_url, tmp_path))
        try:
            await outbox.migrate()
        finally:
            await outbox.close()

    await asyncio.gather(*(migrate() for _ in range(6)))
    async with outbox_at(database_url, tmp_path) as outbox:
        new = new_submission(outbox)
        await outbox.add(new)
        await outbox.backend.write(migrations.migrate)
        assert await outbox.claim(new.id)


def test_rows_that_waited_in_an_older_database_are_delivered(
    insider: Sandbox, tmp_path: Path, database_url: str
) -> None:
    with database(database_url) as run:
        run(VERSION_1.format(now=time.time()))
    widget = Widget(tmp_path, insider.url, DATABASE_URL=database_url, UNKNOWN_HOLD="0.1", SWEEP_INTERVAL="0.3")
    widget.migrate()
    with widget:
        until(lambda: sorted(insider.descriptions()) == ["nobody knows", "waited"])
        assert "submission.unknown" in widget.log()
        assert widget.submit("new").status_code == 201


async def test_a_newer_database_is_left_alone_with_words(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path):
        pass
    with database(database_url) as run:
        run("UPDATE schema_version SET version = 99")
    for work in (Outbox.open, Outbox.migrate):
        outbox = Outbox(backend_at(database_url, tmp_path))
        with pytest.raises(ConfigurationError, match="has schema 99, newer than this release's"):
            await work(outbox)
        await outbox.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("DROP TABLE schema_version", "no outbox yet: run `widget migrate`"),
        ("UPDATE schema_version SET version = 1", f"has schema 1, this release works with {migrations.LATEST}"),
        (
            "UPDATE schema_version SET engine = '02.00.00'",
            "not those of the installed Procrastinate: run `widget migrate`",
        ),
    ],
)
async def test_one_of_several_processes_refuses_another_schema_with_words(
    postgres: Any, tmp_path: Path, script: str, words: str
) -> None:
    url = postgres.database()
    async with outbox_at(url, tmp_path):
        pass
    with database(url) as run:
        run(script)
    outbox = Outbox(backend_at(url, tmp_path))
    with pytest.raises(ConfigurationError, match=words):
        await outbox.open()
    await outbox.close()


async def test_the_engines_own_migrations_are_taken_from_where_it_was(postgres: Any, tmp_path: Path) -> None:
    url = postgres.database()
    async with outbox_at(url, tmp_path) as outbox:
        await outbox.backend.announce()
        behind = "UPDATE schema_version SET engine = '03.04.00_01_pre_add_retry_failed_job_procedure.sql'"
        await outbox.backend.write(lambda c: c.execute(text(behind)).rowcount)
        await outbox.backend.write(migrations.migrate)
        await outbox.backend.write(migrations.check)
        jobs = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"
        assert await outbox.backend.read(lambda c: c.execute(text(jobs)).scalar_one()) == 1


def test_serving_names_what_is_wrong_with_the_database(insider: Sandbox, tmp_path: Path, postgres: Any) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=postgres.database())
    for command in ("serve", "worker"):
        assert "DATABASE_URL: the database has no outbox yet: run `widget migrate`" in widget.refuses(command)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"query": {"sslmode": "require"}}, "does not support SSL"),
        ({"query": {"sslmode": "verify-full"}}, "does not support SSL"),
        ({"query": {"sslmode": "sometimes"}}, "sslmode"),
        ({"username": "nobody"}, 'role "nobody" does not exist'),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
    ],
)
def test_an_address_that_cannot_be_met_is_said_at_once(
    insider: Sandbox, tmp_path: Path, postgres: Any, wrong: dict[str, Any], words: str
) -> None:
    url = make_url(postgres.database()).set(**wrong).render_as_string(hide_password=False)
    widget = Widget(tmp_path, insider.url, DATABASE_URL=url)
    for command in ("serve", "worker"):
        said = widget.refuses(command)
        assert "DATABASE_URL: cannot be used: " in said
        assert words in said
        assert "outbox.unavailable" not in said  # it did not wait
