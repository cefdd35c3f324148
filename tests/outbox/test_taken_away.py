"""A right, a table, a column or an answer is taken away under the running service: it answers 503, and goes on once it
is back."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from bed import File, Sandbox, Widget, adjusted, until
from blocks import named
from outboxes import FEEDBACK, backend_at, new_submission, outbox_at, read_file
from postgres import Postgres
from samples import png
from sqlalchemy import text

from widget.errors import ConfigurationError, OutboxUnavailable, OutboxUnusable
from widget.outbox.outbox import Outbox

OPS_TOKEN = "tests-only-operators-token"
QUICK = {"HEALTH_INTERVAL": "0.2", "SWEEP_INTERVAL": "0.2", "PROBE_INTERVAL": "0.2"}


def run(url: str, *statements: str) -> None:
    """Execute statements beside the service."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            for statement in statements:
                database.execute(statement)
        return
    with psycopg.connect(url.replace("+psycopg", "").replace("limited@", "widget@"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
async def limited(postgres: Postgres, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an outbox that belongs to somebody else, for a role that may use it."""
    url = postgres.database()
    async with outbox_at(url, tmp_path):
        pass
    granted = named("machines", "rights").text.replace("widget", "limited")
    run(url, "REVOKE USAGE ON SCHEMA public FROM public", "CREATE ROLE limited LOGIN", granted)
    yield url.replace("widget@", "limited@")
    run(url, "DROP OWNED BY limited", "DROP ROLE limited")


@pytest.mark.parametrize(
    ("taken", "given_back"),
    [
        ("ALTER TABLE submission RENAME TO lost", "ALTER TABLE lost RENAME TO submission"),
        ("ALTER TABLE submission RENAME COLUMN email TO lost", "ALTER TABLE submission RENAME COLUMN lost TO email"),
    ],
)
def test_while_a_table_or_a_column_is_missing_people_get_a_503_and_operators_the_reason(
    insider: Sandbox, tmp_path: Path, database_url: str, taken: str, given_back: str
) -> None:
    widget = Widget(tmp_path, insider.url, OPS_TOKEN=OPS_TOKEN, DATABASE_URL=database_url, **QUICK)
    widget.migrate()
    bearer = {"Authorization": f"Bearer {OPS_TOKEN}"}
    with widget:
        widget.until_delivered(widget.submit("before"))
        run(database_url, taken)
        answer = widget.submit("meanwhile")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        ready = widget.client.get("/readyz", headers=bearer)
        assert ready.status_code == 503
        assert "submission" in ready.json()["checks"]["database"] or "email" in ready.json()["checks"]["database"]
        assert "widget_database_up 0.0" in widget.client.get("/metrics", headers=bearer).text
        assert "outbox.unavailable" in widget.log()
        run(database_url, given_back)
        until(lambda: widget.client.get("/readyz").status_code == 200)
        widget.until_delivered(widget.submit("after"))
        assert "Traceback" not in widget.log()
    assert insider.descriptions() == ["before", "after"]


def test_while_the_database_is_silent_send_ends_with_a_503_and_sending_again_makes_one_feedback(
    insider: Sandbox, tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.database()
    impatient = adjusted("widget.outbox.postgres._PATIENCE=0.5")
    widget = Widget(tmp_path, insider.url, command=impatient, DATABASE_URL=url, **QUICK)
    widget.migrate()
    picture = [("a.png", png(), "image/png")]
    with widget, psycopg.connect(url) as locking:
        tokens = [widget.token(), widget.token()]
        locking.execute("LOCK TABLE submission IN ACCESS EXCLUSIVE MODE")
        for token, files in zip(tokens, ([], picture), strict=True):
            answer = widget.submit("once", files=files, token=token)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
            assert "did not answer" in widget.log()
        locking.rollback()

        def is_taken(token: str, files: Sequence[File]) -> bool:  # a busy database may be silent for longer than that
            return widget.submit("once", files=files, token=token).status_code != 503

        for token, files in zip(tokens, ([], picture), strict=True):
            until(partial(is_taken, token, files))
        until(lambda: len(insider.descriptions()) >= 2)
    assert insider.descriptions() == ["once"] * 2


@pytest.mark.parametrize("table", ["submission", "tally"])
async def test_a_right_that_was_taken_away_is_noticed_by_every_check_until_it_is_back(
    limited: str, tmp_path: Path, table: str
) -> None:
    outbox = Outbox(backend_at(limited, tmp_path))
    await outbox.open()
    try:
        assert await outbox.add(new_submission(outbox))
        await outbox.check_writable()
        run(limited, f"REVOKE INSERT ON {table} FROM limited")
        for attempt in (lambda: outbox.add(new_submission(outbox)), outbox.check_writable):
            with pytest.raises(OutboxUnusable, match=f"permission denied for table {table}"):
                await attempt()
        run(limited, f"GRANT INSERT ON {table} TO limited")
        await outbox.check_writable()
        assert len(await outbox.due(9)) == 1
    finally:
        await outbox.close()


@pytest.mark.parametrize("lacking", ["schema_version", "procrastinate_jobs", "procrastinate_jobs_id_seq"])
async def test_a_start_without_rights_ends_with_the_reason(limited: str, tmp_path: Path, lacking: str) -> None:
    run(limited, f"REVOKE ALL ON {lacking} FROM limited")
    outbox = Outbox(backend_at(limited, tmp_path))
    with pytest.raises(ConfigurationError, match=rf"DATABASE_URL.*may not use {lacking}: grant it .* on all sequences"):
        await outbox.open()
    await outbox.close()


@pytest.mark.parametrize(
    ("option", "reason"),
    [("role=pg_monitor", "permission denied for schema public"), ("search_path=gone", "no schema has been selected")],
)
async def test_migrating_where_nothing_may_be_created_ends_with_the_reason(
    postgres: Postgres, tmp_path: Path, option: str, reason: str
) -> None:
    url = postgres.database()
    run(url, "REVOKE CREATE ON SCHEMA public FROM public")  # as it is in a new database since PostgreSQL 15
    outbox = Outbox(backend_at(f"{url}?options=-c%20{quote(option)}", tmp_path))
    with pytest.raises(ConfigurationError, match=f"DATABASE_URL: cannot be used: {reason}"):
        await outbox.migrate()
    await outbox.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_cannot_store_every_character_is_refused(
    postgres: Postgres, tmp_path: Path, encoding: str
) -> None:
    url = postgres.database()
    name = f"{url.rpartition('/')[2]}_{encoding.lower()}"
    run(url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    outbox = Outbox(backend_at(f"{url.rpartition('/')[0]}/{name}", tmp_path))
    with pytest.raises(ConfigurationError, match=f"its encoding is {encoding}; create it in UTF8"):
        await outbox.migrate()
    await outbox.close()
    run(url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_what_a_role_has_chosen_for_others_changes_nothing(limited: str, tmp_path: Path) -> None:
    chosen = {"client_encoding": "LATIN1", "default_transaction_isolation": "serializable", "bytea_output": "escape"}
    run(limited, *(f"ALTER ROLE limited SET {name} = '{value}'" for name, value in chosen.items()))
    outbox = Outbox(backend_at(limited, tmp_path))
    await outbox.open()
    try:
        feedback = replace(FEEDBACK, description="\N{SMILING FACE WITH SMILING EYES}")
        new = replace(new_submission(outbox, png()), feedback=feedback)
        assert await outbox.add(new)
        claimed = await outbox.claim(new.id)
        assert claimed
        assert (claimed.feedback, await read_file(outbox, claimed.pending[0])) == (feedback, png())
        statement = text("SELECT current_setting('transaction_isolation')")
        assert await outbox.backend.write(lambda connection: connection.scalar(statement)) == "read committed"
    finally:
        await outbox.close()


async def test_a_connection_to_a_server_that_only_reads_is_not_kept(postgres: Postgres, tmp_path: Path) -> None:
    """After a failover, it may lead to the former primary for good."""
    url = postgres.database()
    name = url.rpartition("/")[2]
    async with outbox_at(url, tmp_path) as outbox:
        run(
            url,
            f"ALTER DATABASE {name} SET default_transaction_read_only = on",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        for attempt in (outbox.check_answers, lambda: outbox.add(new_submission(outbox))):
            with pytest.raises(OutboxUnavailable, match="read-only"):
                await attempt()
        back = f"ALTER DATABASE {name} RESET default_transaction_read_only"
        run(url, "SET default_transaction_read_only = off", back)
        assert await outbox.add(new_submission(outbox))
