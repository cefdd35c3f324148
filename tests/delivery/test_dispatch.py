"""When rows are tried: at once while there is a free slot, and after a burst if there is one."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from bed import CLIENT_ID, CLIENT_SECRET, Sandbox, until
from outboxes import new_submission, outbox_at
from pydantic import SecretStr

from widget.config.settings import Account
from widget.delivery.delivery import Delivery
from widget.delivery.dispatch import Dispatcher
from widget.delivery.policy import Policy
from widget.insider.client import Insider
from widget.outbox.outbox import Outbox

ACCOUNTS = {"demo": Account(client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))}
POLICY = Policy(retry_min=5, retry_max=900, give_up_after=7 * 86_400, unknown_hold=900)


async def nothing() -> None:
    """No row is old enough to be tidied up."""


@asynccontextmanager
async def dispatching(sandbox: Sandbox, folder: Path, waiting: int = 0) -> AsyncIterator[tuple[Outbox, Dispatcher]]:
    """An outbox whose rows this process delivers, with this many rows from before."""
    insider = Insider(sandbox.url, ACCOUNTS, timeout=10)
    async with outbox_at(f"sqlite:///{folder / 'widget.db'}", folder) as outbox:
        delivery = Delivery(outbox, insider, ACCOUNTS, POLICY, probe_every=30)
        dispatcher = Dispatcher(outbox, delivery, concurrency=16, sweep_every=60, tidy=nothing)
        await store(outbox, waiting)
        dispatcher.start()
        yield outbox, dispatcher
        await dispatcher.stop(10)
        await insider.close()


async def store(outbox: Outbox, count: int) -> list[str]:
    ids = []
    for _ in range(count):
        new = new_submission(outbox)
        await outbox.add(new)
        ids.append(new.id)
    return ids


async def state_of(outbox: Outbox, submission_id: str) -> str:
    status = await outbox.status(submission_id)
    assert status
    return status.state


async def test_a_row_alone_is_tried_at_once_and_waited_for(insider: Sandbox, tmp_path: Path) -> None:
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        (submission_id,) = await store(outbox, 1)
        assert await dispatcher.attempt(submission_id, "demo", wait=10)
        assert await state_of(outbox, submission_id) == "delivered"


async def test_a_row_that_is_on_its_way_already_is_waited_for_too(insider: Sandbox, tmp_path: Path) -> None:
    insider.slow(0.5, "create")
    async with dispatching(insider, tmp_path, waiting=1) as (outbox, dispatcher):
        await asyncio.to_thread(until, lambda: insider.counts()["create"] == 1)
        (submission_id,) = dispatcher._running
        assert await dispatcher.attempt(submission_id, "demo", wait=10)
        assert await state_of(outbox, submission_id) == "delivered"


async def test_in_a_burst_nobody_waits_and_once_it_is_over_every_row_is_delivered(
    insider: Sandbox, tmp_path: Path
) -> None:
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        ids = await store(outbox, 12)
        tried = [await dispatcher.attempt(submission_id, "demo", wait=0) for submission_id in ids]
        assert tried[0]
        assert not all(tried)
        await asyncio.to_thread(until, lambda: insider.counts()["create"] == 12)
    with sqlite3.connect(tmp_path / "widget.db") as database:
        assert database.execute("SELECT DISTINCT state FROM submission").fetchall() == [("delivered",)]


async def test_a_row_whose_product_was_removed_waits_and_says_why(insider: Sandbox, tmp_path: Path) -> None:
    async with dispatching(insider, tmp_path) as (outbox, _):
        new = new_submission(outbox, product="gone")
        await outbox.add(new)
        with closing(sqlite3.connect(tmp_path / "widget.db", check_same_thread=False)) as database:
            await asyncio.to_thread(
                until, lambda: database.execute("SELECT state, last_error FROM submission").fetchone()[1] is not None
            )
            found = database.execute("SELECT state, last_error, attempts FROM submission").fetchone()
    assert found == ("queued", "no such product", 0)


async def test_one_after_the_other_is_no_burst_however_fast(insider: Sandbox, tmp_path: Path) -> None:
    async with dispatching(insider, tmp_path) as (_, dispatcher):
        for number in range(30):  # no such rows: their turns end at once
            assert await dispatcher.attempt(f"gone-{number}", "demo", wait=10)


async def test_a_crowd_that_does_not_end_is_no_burst(
    insider: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("widget.delivery.dispatch._LONGEST_BURST", 0.0)
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        ids = await store(outbox, 12)
        assert all([await dispatcher.attempt(submission_id, "demo", wait=0) for submission_id in ids])


async def test_a_row_that_is_put_off_while_no_other_is_on_its_way_is_not_forgotten(
    insider: Sandbox, tmp_path: Path
) -> None:
    async with dispatching(insider, tmp_path, waiting=1) as (outbox, dispatcher):
        await asyncio.to_thread(until, lambda: insider.counts()["create"] == 1)
        await asyncio.sleep(0.3)  # until the dispatcher sleeps; if it does not yet, this test checks less, and passes
        (submission_id,) = await store(outbox, 1)
        for number in range(7):  # such rows do not exist, so their turns end at once
            await dispatcher.attempt(f"gone-{number}", "demo", wait=0)
        await asyncio.wait(dispatcher._running.values())
        await dispatcher.attempt(submission_id, "demo", wait=0)
        await asyncio.to_thread(until, lambda: insider.counts()["create"] == 2)  # long before the sweep
