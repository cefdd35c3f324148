"""When rows are tried: at once while there is a free slot, and after a burst if there is one."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from bed import CLIENT_ID, CLIENT_SECRET, Sandbox, until
from clock import Clock
from outboxes import new_submission, outbox_at, row
from pydantic import SecretStr
from sqlalchemy import Connection

from widget.config.settings import Account
from widget.delivery.bursts import Bursts
from widget.delivery.delivery import Delivery
from widget.delivery.dispatch import Dispatcher
from widget.delivery.policy import Policy
from widget.errors import OutboxUnavailable
from widget.insider.client import Insider
from widget.outbox.model import Work
from widget.outbox.outbox import Outbox
from widget.submissions.model import Submission

ACCOUNTS = {"demo": Account(client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))}
POLICY = Policy(retry_min=5, retry_max=900, give_up_after=7 * 86_400, unknown_hold=900)


async def nothing() -> None:
    """No row is old enough to be tidied up."""


@asynccontextmanager
async def dispatching(
    sandbox: Sandbox,
    folder: Path,
    waiting: int = 0,
    *,
    concurrency: int = 16,
    probe_every: float = 30,
    starts: bool = True,
) -> AsyncIterator[tuple[Outbox, Dispatcher]]:
    """An outbox whose rows this process delivers, with this many rows from before."""
    insider = Insider(sandbox.url, ACCOUNTS, timeout=10)
    async with outbox_at(f"sqlite:///{folder / 'widget.db'}", folder) as outbox:
        delivery = Delivery(outbox, insider, ACCOUNTS, POLICY, probe_every=probe_every)
        dispatcher = Dispatcher(outbox, delivery, concurrency=concurrency, sweep_every=60, tidy=nothing)
        await store(outbox, waiting)
        if starts:
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
        new = new_submission(outbox, b"one")
        status = await dispatcher.accept(new, wait=10)
        assert status
        assert (status.state, status.attachments[0].status) == ("delivered", "attached")
        assert await outbox.status(new.id) == status
        assert await dispatcher.accept(new_submission(outbox, submission_id=new.id), wait=10) is None


async def test_a_row_that_comes_again_while_it_is_sent_is_stored_once_and_keeps_its_slot(
    insider: Sandbox, tmp_path: Path
) -> None:
    insider.slow(60, "create")
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        new = new_submission(outbox)
        assert await dispatcher.accept(new, wait=0)
        assert await asyncio.gather(*(dispatcher.accept(new, wait=0) for _ in range(3))) == [None] * 3
        assert dispatcher.sending == (new.id,)
        await dispatcher.stop(0)


async def test_a_row_that_could_not_be_stored_is_tried_at_once_when_it_comes_again(
    insider: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        write, is_away = outbox.backend.write, True

        async def fails_for_a_while(job: Callable[[Connection], Any]) -> Any:
            if is_away:
                raise OutboxUnavailable("it is away")
            return await write(job)

        monkeypatch.setattr(outbox.backend, "write", fails_for_a_while)
        new = new_submission(outbox)
        with pytest.raises(OutboxUnavailable):
            await dispatcher.accept(new, wait=10)
        again = asyncio.create_task(dispatcher.accept(new, wait=10))
        await asyncio.sleep(0)
        is_away = False
        status = await again
        assert status
        assert status.state == "delivered"


async def test_a_row_that_is_stored_with_its_claim_takes_a_slot_before_it_is_stored(
    insider: Sandbox, tmp_path: Path
) -> None:
    """Else more rows would be claimed than can be sent."""
    insider.slow(60, "create")
    async with dispatching(insider, tmp_path, concurrency=2) as (outbox, dispatcher):
        news = [new_submission(outbox) for _ in range(6)]
        assert all(await asyncio.gather(*(dispatcher.accept(new, wait=0) for new in news)))
        states = [await state_of(outbox, new.id) for new in news]
        assert (states.count("sending"), states.count("queued")) == (2, 4)
        await dispatcher.stop(0)


async def test_a_row_whose_product_is_held_back_is_stored_without_a_claim(insider: Sandbox, tmp_path: Path) -> None:
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        dispatcher._delivery.gates["demo"].stay_shut("it is away")
        new = new_submission(outbox)
        status = await dispatcher.accept(new, wait=10)
        assert status
        assert status.state == "queued"
        assert ((kept := await row(outbox, new.id))["attempts"], kept["claim"]) == (0, None)


async def test_a_row_that_probes_a_shut_gate_is_claimed_only_after_a_new_token(
    insider: Sandbox, tmp_path: Path
) -> None:
    insider.misbehave("refuse", "token")
    async with dispatching(insider, tmp_path, probe_every=0) as (outbox, dispatcher):
        dispatcher._delivery.gates["demo"].stay_shut("it is away")
        new = new_submission(outbox)
        status = await dispatcher.accept(new, wait=10)
        assert status
        assert (status.state, (await row(outbox, new.id))["attempts"]) == ("queued", 0)
        insider.recover()
        status = await dispatcher.accept(new_submission(outbox), wait=10)
        assert status
        assert status.state == "delivered"


async def test_a_token_alone_does_not_say_that_calls_succeed_again(insider: Sandbox, tmp_path: Path) -> None:
    """If it did, an account whose every call fails would count as well until the next one, and nobody be alerted."""
    insider.fail_with(502, "create")
    async with dispatching(insider, tmp_path, probe_every=0) as (outbox, dispatcher):
        while dispatcher.why_kept_back("demo") is None:
            await dispatcher.accept(new_submission(outbox), wait=10)
        await dispatcher.probe_without_row("demo")
        assert dispatcher.why_kept_back("demo") == "answered 502"
        insider.recover()
        status = await dispatcher.accept(new_submission(outbox), wait=10)
        assert status
        assert (status.state, dispatcher.why_kept_back("demo")) == ("delivered", None)


async def test_before_it_starts_a_dispatcher_stores_rows_without_a_claim_or_says_that_it_cannot(
    insider: Sandbox, tmp_path: Path
) -> None:
    async with dispatching(insider, tmp_path, starts=False) as (outbox, dispatcher):
        new = new_submission(outbox)
        assert await dispatcher.accept(new, wait=10)
        assert ((await row(outbox, new.id))["claim"], dispatcher.sending) == (None, ())
        dispatcher._outbox = Outbox(outbox.backend)  # which is not open
        with pytest.raises(OutboxUnavailable):
            await dispatcher.accept(new_submission(outbox), wait=10)
        assert dispatcher.sending == ()


class Forgetful:
    """An outbox that stores a submission, and loses the first answer."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._is_lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    async def add_claimed(self, new: Submission, claim: str) -> Work | None:
        work = await self._outbox.add_claimed(new, claim)
        if not self._is_lost:
            self._is_lost = True
            raise OutboxUnavailable("the connection was lost")
        return work


async def test_a_row_that_was_stored_and_claimed_without_an_answer_is_delivered_all_the_same(
    insider: Sandbox, tmp_path: Path
) -> None:
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        await asyncio.to_thread(until, lambda: dispatcher._wake._waiters)  # its first look found nothing
        dispatcher._delivery._outbox = Forgetful(outbox)  # type: ignore[assignment]
        new = new_submission(outbox)
        with pytest.raises(OutboxUnavailable):
            await dispatcher.accept(new, wait=10)
        assert await dispatcher.accept(new, wait=10) is None
        await asyncio.to_thread(until, lambda: insider.counts()["create"] == 1)
        await dispatcher.stop(10)
        kept = await row(outbox, new.id)
        assert (kept["state"], kept["attempts"], kept["possible_duplicate"]) == ("delivered", 1, 0)


async def test_in_a_burst_nobody_waits_and_once_it_is_over_every_row_is_delivered(
    insider: Sandbox, tmp_path: Path
) -> None:
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        dispatcher._bursts = Bursts(clock := Clock())
        found = await asyncio.gather(*(dispatcher.accept(new_submission(outbox), wait=10) for _ in range(12)))
        assert [status.state for status in found if status] == ["delivered"] * 7 + ["queued"] * 5
        clock.now += 1
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
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        for _ in range(30):
            status = await dispatcher.accept(new_submission(outbox), wait=10)
            assert status
            assert status.state == "delivered"


async def test_a_crowd_that_does_not_end_is_no_burst(
    insider: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("widget.delivery.bursts.LONGEST", 0.0)
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        found = await asyncio.gather(*(dispatcher.accept(new_submission(outbox), wait=10) for _ in range(12)))
        assert [status.state for status in found if status] == ["delivered"] * 12


class Slow:
    """An outbox that stores submissions without a claim, and answers later."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.may_answer = asyncio.Event()

    async def add(self, new: Submission) -> bool:
        is_new = await self._outbox.add(new)
        await self.may_answer.wait()
        return is_new


async def test_a_row_whose_commit_outlasts_the_burst_that_put_it_off_is_not_forgotten(
    insider: Sandbox, tmp_path: Path
) -> None:
    async with dispatching(insider, tmp_path) as (outbox, dispatcher):
        await asyncio.to_thread(until, lambda: dispatcher._wake._waiters)  # its first look found nothing
        dispatcher._bursts = Bursts(Clock())
        slow = Slow(outbox)
        dispatcher._outbox, usual = slow, dispatcher._outbox  # type: ignore[assignment]
        burst = asyncio.gather(*(dispatcher.accept(new_submission(outbox), wait=0) for _ in range(12)))
        await asyncio.sleep(0)  # until all have come
        dispatcher._outbox = usual
        await asyncio.to_thread(until, lambda: insider.counts()["create"] == 7)
        await asyncio.to_thread(until, lambda: not dispatcher._running and not dispatcher._after_burst)
        dispatcher._bursts = Bursts()  # that one is long over
        slow.may_answer.set()
        await burst
        await asyncio.to_thread(until, lambda: insider.counts()["create"] == 12)  # long before the sweep
