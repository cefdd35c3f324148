"""Several who work with one outbox at once: what shares a commit, and who has which row."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bed import until
from outboxes import backend_at, new_submission, outbox_at
from postgres import PgBouncer, Postgres
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from widget.outbox.backend import Backend
from widget.outbox.outbox import Outbox
from widget.outbox.postgres import PostgresBackend

TRANSACTION = text("SELECT txid_current()")


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
async def outbox(url: str, tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(url, tmp_path) as outbox:
        yield outbox


def transaction(connection: Connection) -> int:
    return int(connection.execute(TRANSACTION).scalar_one())


def broken(connection: Connection) -> int:
    connection.execute(text("SELECT FROM FROM"))
    raise AssertionError


@asynccontextmanager
async def busy(backend: Backend) -> AsyncIterator[None]:
    """The writer commits something else until the context is left."""
    begun, over = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        begun.set()
        over.wait()

    holding = asyncio.create_task(backend.write(hold))
    try:
        await asyncio.to_thread(until, begun.is_set)
        yield
    finally:
        over.set()
        await holding


def queued(backend: Backend) -> int:
    """How many jobs wait for the writer."""
    assert isinstance(backend, PostgresBackend)
    return backend._batches._asked.qsize()


async def written_together(backend: Backend, *jobs: Any) -> list[Any]:
    """What becomes of jobs that all come while another is being committed."""
    async with busy(backend):
        others = [asyncio.create_task(backend.write(job)) for job in jobs]
        await asyncio.to_thread(until, lambda: queued(backend) == len(jobs))
    return await asyncio.gather(*others, return_exceptions=True)


async def test_what_comes_while_another_is_committed_shares_a_transaction(outbox: Outbox) -> None:
    assert len(set(await written_together(outbox.backend, *[transaction] * 20))) == 1


async def test_one_that_fails_takes_no_other_with_it(outbox: Outbox) -> None:
    new = [new_submission(outbox) for _ in range(3)]
    jobs = [lambda c, one=one: c.execute(text(f"INSERT INTO schema_version VALUES ({one})")) for one in (2, 3)]
    first, failed, refused, last = await written_together(outbox.backend, transaction, broken, jobs[0], transaction)
    assert isinstance(failed, ProgrammingError)
    assert isinstance(refused, Exception)
    assert first != last
    assert await asyncio.gather(*map(outbox.add, new)) == [True] * 3


async def test_a_repeat_among_new_submissions_stores_all_of_them(outbox: Outbox) -> None:
    known = new_submission(outbox)
    await outbox.add(known)
    new = [new_submission(outbox) for _ in range(8)]
    again = new_submission(outbox, submission_id=known.id)
    assert await asyncio.gather(*map(outbox.add, [*new[:4], again, *new[4:]])) == [True] * 4 + [False] + [True] * 4
    assert len(await outbox.due(20)) == 9


async def test_nobody_waits_for_a_job_that_was_given_up_before_its_turn(outbox: Outbox) -> None:
    ran = threading.Event()
    async with busy(outbox.backend):
        given_up = asyncio.create_task(outbox.backend.write(lambda _: ran.set()))
        await asyncio.to_thread(until, lambda: queued(outbox.backend) == 1)
        given_up.cancel()
        await asyncio.wait({given_up})
    await outbox.backend.write(transaction)
    assert not ran.is_set()


async def test_a_database_that_fails_between_two_jobs_fails_both_or_neither(
    outbox: Outbox, url: str, tmp_path: Path
) -> None:
    cut = threading.Event()

    def cut_off(connection: Connection) -> int:
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        if not cut.is_set():
            cut.set()
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
        return transaction(connection)

    first, second = await written_together(outbox.backend, transaction, cut_off)
    assert first == second  # again, on a new connection


async def test_many_announcements_are_one_job(outbox: Outbox) -> None:
    await asyncio.gather(*(outbox.backend.announce() for _ in range(12)))
    await asyncio.gather(*(outbox.add(new_submission(outbox)) for _ in range(12)))
    await outbox.backend.announce()
    count = text("SELECT count(*) FROM procrastinate_jobs")
    assert await outbox.backend.read(lambda c: c.execute(count).scalar_one()) == 1


async def test_two_who_claim_what_is_due_share_it(outbox: Outbox, url: str, tmp_path: Path) -> None:
    ids = {new.id for new in [new_submission(outbox) for _ in range(30)] if await outbox.add(new)}
    other = Outbox(backend_at(url, tmp_path))
    await other.open()
    both = (outbox, other)
    claims = await asyncio.gather(*(each.claim_due(5, ["demo"]) for _ in range(5) for each in both))
    rest = await outbox.claim_due(30, ["demo"])
    works = [work for claim in (*claims, rest) for work in claim]
    assert sorted(work.id for work in works) == sorted(ids)
    assert {work.attempts for work in works} == {1}
    await other.close()


async def test_statements_are_kept_by_the_server_itself_and_not_behind_a_pooler(
    postgres: Postgres, url: str, tmp_path: Path, outbox: Outbox
) -> None:
    async def threshold(of: Outbox) -> int | None:
        def look(connection: Connection) -> int | None:
            driver: Any = connection.connection.driver_connection
            number: int | None = driver.prepare_threshold
            return number

        return await of.backend.write(look)

    assert await threshold(outbox)
    with PgBouncer(postgres) as pooler:
        behind = Outbox(backend_at(pooler.url(url), tmp_path))
        await behind.open()
        assert await threshold(behind) is None
        await behind.close()


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(outbox.backend, PostgresBackend)
    answer = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(outbox.backend._batches, "run", lambda job: answer)
    asking = asyncio.create_task(outbox.backend.write(transaction))
    await asyncio.sleep(0)
    answer.set_result(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
