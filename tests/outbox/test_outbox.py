"""What the outbox promises, on SQLite and on PostgreSQL."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from outboxes import FEEDBACK, backend_at, due_ids, kept_blobs, new_submission, outbox_at, read_file, row, time_passes
from sqlalchemy import Connection, Engine, event
from structlog.testing import capture_logs

from widget.errors import OutboxFull, OutboxUnavailable
from widget.outbox.backend import Backend
from widget.outbox.model import StoredAttachment, Transition, Work
from widget.outbox.outbox import LEASE, Outbox
from widget.outbox.sealing import frames

T = TypeVar("T")
MIB = 1024 * 1024


@pytest.fixture
async def outbox(database_url: str, tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(database_url, tmp_path) as outbox:
        yield outbox


async def claimed(outbox: Outbox, *files: bytes) -> Work:
    new = new_submission(outbox, *files)
    assert await outbox.add(new)
    work = await outbox.claim(new.id)
    assert work
    return work


async def test_a_stored_submission_is_due_at_once_and_whole(outbox: Outbox) -> None:
    new = new_submission(outbox, b"one", b"two")
    assert await outbox.add(new)
    assert await due_ids(outbox) == [new.id]
    work = await outbox.claim(new.id)
    assert work
    assert (work.id, work.product, work.feedback, work.attempts) == (new.id, "demo", FEEDBACK, 1)
    assert [(file.position, file.name, file.size) for file in work.pending] == [(0, "0.png", 3), (1, "1.png", 3)]
    assert [await read_file(outbox, file) for file in work.pending] == [b"one", b"two"]


async def test_who_comes_while_it_is_being_opened_waits_for_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with outbox_at(database_url, tmp_path):
        pass  # there is one now
    outbox, may_open = Outbox(backend_at(database_url, tmp_path)), asyncio.Event()
    open_it = outbox.backend.open

    async def slowly() -> None:
        await may_open.wait()
        await open_it()

    monkeypatch.setattr(outbox.backend, "open", slowly)
    opening = asyncio.create_task(outbox.open())
    new = new_submission(outbox)
    adding, asking = asyncio.create_task(outbox.add(new)), asyncio.create_task(outbox.status("0" * 32))
    await asyncio.wait({opening, adding, asking}, timeout=0.05)
    assert not adding.done()
    assert not asking.done()
    may_open.set()
    await opening
    assert await adding
    assert await asking is None
    await outbox.close()


async def test_nobody_waits_for_a_second_attempt_to_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(backend_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path))

    async def away() -> None:
        raise OutboxUnavailable("it is away")

    monkeypatch.setattr(outbox.backend, "open", away)
    with pytest.raises(OutboxUnavailable):
        await outbox.open()
    monkeypatch.setattr("widget.outbox.outbox._FIRST_ATTEMPT", 1000)
    with pytest.raises(OutboxUnavailable, match="it is away"):
        await outbox.add(new_submission(outbox))


async def test_a_repeat_stores_nothing(outbox: Outbox) -> None:
    first = new_submission(outbox, b"one")
    assert await outbox.add(first)
    assert not await outbox.add(new_submission(outbox, b"other", submission_id=first.id))
    assert await kept_blobs(outbox) == 1
    status = await outbox.status(first.id)
    assert status
    assert status.attachments == (StoredAttachment("0.png", "waiting", None, None),)


async def test_many_repeats_at_once_are_one_submission(outbox: Outbox) -> None:
    first = new_submission(outbox, b"one")
    repeats = [new_submission(outbox, b"one", submission_id=first.id) for _ in range(7)]
    added = await asyncio.gather(*(outbox.add(new) for new in (first, *repeats)))
    assert sorted(added) == [False] * 7 + [True]
    assert await kept_blobs(outbox) == 1


async def test_a_repeat_takes_nothing_with_it_that_is_stored_at_the_same_moment(outbox: Outbox) -> None:
    first, others = new_submission(outbox), [new_submission(outbox) for _ in range(6)]
    assert await outbox.add(first)
    repeat = new_submission(outbox, submission_id=first.id)
    added = await asyncio.gather(*(outbox.add(new) for new in (*others[:3], repeat, *others[3:])))
    assert added == [True] * 3 + [False] + [True] * 3
    assert set(await due_ids(outbox)) == {new.id for new in (first, *others)}


async def test_a_file_that_cannot_be_stored_stores_nothing(outbox: Outbox) -> None:
    new = new_submission(outbox, b"one", b"two")
    new.attachments[1].content.path.unlink()
    with pytest.raises(OutboxUnavailable):
        await outbox.add(new)
    assert await outbox.status(new.id) is None
    assert await kept_blobs(outbox) == 0


@pytest.mark.parametrize("size", [1, 256 * 1024, 256 * 1024 + 1, MIB // 2, MIB // 2 + 1, 4 * MIB])
async def test_files_come_back_as_they_went_in_and_in_chunks(outbox: Outbox, size: int) -> None:
    content = random.Random(size).randbytes(size)
    (file,) = (await claimed(outbox, content)).pending
    chunks = [chunk async for chunk in outbox.backend.chunks(file.blob, sealed=False)]
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= MIB


async def test_a_file_that_was_stored_in_larger_chunks_comes_back_too(outbox: Outbox) -> None:
    content, backend = random.Random(0).randbytes(3 * MIB), outbox.backend
    await backend.write_all(lambda connection: backend.put_stored(connection, "a" * 32, frames(content)))
    assert b"".join([chunk async for chunk in backend.chunks("a" * 32, sealed=False)]) == content


async def test_of_many_who_claim_a_row_one_has_it(outbox: Outbox) -> None:
    new = new_submission(outbox)
    await outbox.add(new)
    works = await asyncio.gather(*(outbox.claim(new.id) for _ in range(12)))
    assert len([work for work in works if work]) == 1
    assert (await row(outbox, new.id))["attempts"] == 1
    assert not await outbox.due(10)


class Forgetful:
    """A backend that commits, but loses the answer this many times."""

    def __init__(self, backend: Backend, times: int) -> None:
        self._backend = backend
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    async def write(self, job: Callable[[Connection], T]) -> T:
        result = await self._backend.write(job)
        if self.times:
            self.times -= 1
            raise OutboxUnavailable("the connection was lost")
        return result


async def test_a_claim_whose_answer_was_lost_is_still_had_while_its_lease_lasts(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("widget.outbox.outbox._CLAIM_PAUSES", (0.001,))
    new = new_submission(outbox)
    await outbox.add(new)
    work = await Outbox(Forgetful(outbox.backend, 12)).claim(new.id)
    assert work
    assert work.attempts == 1
    assert await outbox.record(work, Transition("delivered", feedback_id=32))


async def test_an_outage_in_which_a_claim_is_tried_again_is_logged_at_once(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("widget.outbox.outbox._CLAIM_PAUSES", (0.001,))
    new = new_submission(outbox)
    await outbox.add(new)
    with capture_logs() as logged:
        assert await Outbox(Forgetful(outbox.backend, 3)).claim(new.id)
    assert [(line["event"], line["reason"]) for line in logged] == [
        ("outbox.unavailable", "the connection was lost"),
    ]


async def test_a_claim_is_given_up_once_its_lease_is_over(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("widget.outbox.outbox._CLAIM_PAUSES", (0.001,))
    new = new_submission(outbox)
    await outbox.add(new)
    forgetful = Forgetful(outbox.backend, 1000)
    with pytest.raises(OutboxUnavailable):
        await Outbox(forgetful, lease=0.005).claim(new.id)
    assert forgetful.times >= 993


async def test_rows_are_claimed_longest_due_first_and_those_of_other_products_stay(outbox: Outbox) -> None:
    products = ("demo", "other", "demo", "demo")
    first, other, second, third = [new_submission(outbox, b"one", product=product) for product in products]
    for new in (first, other, second, third):
        await outbox.add(new)
    works = await outbox.claim_due(2, ["demo", "third"])
    assert {work.id for work in works} == {first.id, second.id}
    assert [await read_file(outbox, file) for work in works for file in work.pending] == [b"one"] * 2
    assert [work.id for work in await outbox.claim_due(9, ["demo"])] == [third.id]
    assert await outbox.claim_due(9, ["demo"]) == []
    assert await due_ids(outbox) == [other.id]


async def test_claimed_rows_whose_answer_was_lost_are_still_had(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("widget.outbox.outbox._CLAIM_PAUSES", (0.001,))
    rows = [new_submission(outbox) for _ in range(3)]
    for new in rows:
        await outbox.add(new)
    works = await Outbox(Forgetful(outbox.backend, 2)).claim_due(9, ["demo"])
    assert {work.id for work in works} == {new.id for new in rows}
    assert [work.attempts for work in works] == [1] * 3
    assert all([await outbox.record(work, Transition("delivered", feedback_id=32)) for work in works])


async def test_a_row_that_is_claimed_when_it_is_stored_is_as_one_that_is_claimed_later(outbox: Outbox) -> None:
    at_once, later = (new_submission(outbox, b"one", b"two") for _ in range(2))
    work = await outbox.add_claimed(at_once, "ours")
    assert work
    assert await outbox.claim_due(9, ["demo"]) == []
    assert await outbox.claim(at_once.id) is None
    assert await outbox.add(later)
    other = await outbox.claim(later.id)
    assert other
    assert [await read_file(outbox, file) for file in work.pending] == [b"one", b"two"]
    for same in (other, (await outbox.claimed(["ours"]))[0]):
        pending = tuple(replace(file, blob=own.blob) for file, own in zip(same.pending, work.pending, strict=True))
        assert replace(same, id=work.id, claim=work.claim, age=work.age, pending=pending) == work
    stored, compared = await row(outbox, at_once.id), await row(outbox, later.id)
    own = {name: stored[name] for name in ("id", "accepted_at", "due_at", "claim")}
    assert {**compared, **own} == stored
    assert stored["due_at"] - stored["accepted_at"] == pytest.approx(LEASE)
    assert await outbox.record(work, Transition("sending", feedback_id=32))


async def test_a_repeat_of_a_row_is_claimed_by_nobody(outbox: Outbox) -> None:
    first = new_submission(outbox, b"one")
    assert await outbox.add(first)
    assert await outbox.add_claimed(new_submission(outbox, b"one", submission_id=first.id), "ours") is None
    assert await outbox.claimed(["ours"]) == []
    assert await due_ids(outbox) == [first.id]
    assert await kept_blobs(outbox) == 1


async def test_what_became_of_a_row_is_kept(outbox: Outbox) -> None:
    work = await claimed(outbox, b"one", b"two")
    assert await outbox.record(work, Transition("sending", feedback_id=32))
    assert await outbox.record(work, Transition("sending", attachments={0: ("refused", "Too bad.")}, separately=True))
    kept = await row(outbox, work.id)
    assert (kept["state"], kept["feedback_id"], kept["intent"], bool(kept["separately"])) == (
        "sending",
        32,
        "attach",
        True,
    )
    assert await outbox.record(work, Transition("delivered", attachments={1: ("attached", None)}))
    status = await outbox.status(work.id)
    assert status
    assert (status.state, status.feedback_id) == ("delivered", 32)
    assert status.attachments == (
        StoredAttachment("0.png", "refused", "Too bad.", None),
        StoredAttachment("1.png", "attached", None, None),
    )


async def test_a_delivered_row_keeps_nothing_of_what_was_said(outbox: Outbox) -> None:
    work = await claimed(outbox, b"one")
    assert await outbox.record(work, Transition("delivered", feedback_id=32, attachments={0: ("attached", None)}))
    kept = await row(outbox, work.id)
    assert [kept[name] for name in ("description", "email", "rating", "consent")] == [None] * 4
    assert await kept_blobs(outbox) == 0


async def test_a_refused_row_keeps_what_was_said_for_the_operator(outbox: Outbox) -> None:
    work = await claimed(outbox, b"one")
    assert await outbox.record(work, Transition("refused", error="answered 400", public_message="No."))
    kept = await row(outbox, work.id)
    assert (kept["state"], kept["email"], kept["last_error"], kept["told"]) == (
        "refused",
        "ada@example.com",
        "answered 400",
        "No.",
    )
    assert await kept_blobs(outbox) == 1


async def test_a_row_put_back_waits_its_time_and_may_cost_no_attempt(outbox: Outbox) -> None:
    work = await claimed(outbox)
    assert await outbox.record(work, Transition("queued", delay=60, error="busy", attempt_spent=False))
    assert not await outbox.due(10)
    assert await outbox.claim(work.id) is None
    due_in = await outbox.next_due_in()
    assert due_in is not None
    assert 50 < due_in <= 60
    await time_passes(outbox, 60)
    again = await outbox.claim(work.id)
    assert again
    assert again.attempts == 1
    assert again.age > 59


async def test_due_rows_come_longest_due_first_without_products_that_are_kept_back(outbox: Outbox) -> None:
    first, second, other = (new_submission(outbox, product=product) for product in ("demo", "demo", "other"))
    for new in (first, second, other):
        await outbox.add(new)
        await time_passes(outbox, 1)
    assert await due_ids(outbox) == [first.id, second.id, other.id]
    assert await due_ids(outbox, 1) == [first.id]
    assert await due_ids(outbox, shut=["demo"]) == [other.id]
    assert await outbox.next_due_in(["demo", "other"]) is None


async def test_a_stalled_process_that_comes_back_writes_nothing(outbox: Outbox) -> None:
    stalled = await claimed(outbox, b"one")
    await time_passes(outbox, LEASE + 1)
    assert list(await outbox.recover(hold=10)) == [stalled.id]
    await time_passes(outbox, 10)
    successor = await outbox.claim(stalled.id)
    assert successor
    assert successor.possible_duplicate
    assert not await outbox.record(stalled, Transition("delivered", feedback_id=1, attachments={0: ("attached", None)}))
    assert not await outbox.record(stalled, Transition("sending", feedback_id=1))
    assert await outbox.record(successor, Transition("sending", feedback_id=2))
    assert (await row(outbox, stalled.id))["feedback_id"] == 2
    assert await kept_blobs(outbox) == 1


async def test_a_live_lease_is_nobody_elses(outbox: Outbox) -> None:
    work = await claimed(outbox)
    assert not await outbox.recover(hold=10)
    assert await outbox.claim(work.id) is None
    await time_passes(outbox, LEASE - 5)
    assert await outbox.record(work, Transition("sending", feedback_id=1))
    await time_passes(outbox, LEASE - 5)
    assert not await outbox.recover(hold=10)


async def test_a_second_interruption_is_left_to_the_operator(outbox: Outbox) -> None:
    work = await claimed(outbox)
    assert list(await outbox.recover(hold=0, everything=True)) == [work.id]
    assert await outbox.claim(work.id)
    assert list(await outbox.recover(hold=0, everything=True)) == [work.id]
    kept = await row(outbox, work.id)
    assert (kept["state"], kept["due_at"]) == ("unknown", None)


async def test_an_interrupted_row_may_be_left_to_the_operator_at_once(outbox: Outbox) -> None:
    work = await claimed(outbox)
    await outbox.recover(hold=None, everything=True)
    assert not await outbox.due(10)
    assert await outbox.claim(work.id) is None


async def test_attachments_beyond_what_may_wait_are_turned_away_and_text_is_not(
    database_url: str, tmp_path: Path
) -> None:
    async with outbox_at(database_url, tmp_path, max_pending=100) as outbox:
        work = await claimed(outbox, b"x" * 60)
        with pytest.raises(OutboxFull):
            await outbox.add(new_submission(outbox, b"x" * 41))
        assert await kept_blobs(outbox) == 1
        assert await outbox.add(new_submission(outbox))
        assert await outbox.add(new_submission(outbox, b"x" * 40))
        assert not await outbox.add(new_submission(outbox, b"x" * 60, submission_id=work.id))
        await outbox.record(work, Transition("delivered", feedback_id=1, attachments={0: ("attached", None)}))
        assert await outbox.add(new_submission(outbox, b"x" * 60))


async def test_times_are_unix_seconds_by_the_databases_clock(outbox: Outbox) -> None:
    new = new_submission(outbox)
    await outbox.add(new)
    status = await outbox.status(new.id)
    assert status
    assert abs(status.accepted_at - time.time()) < 5


async def test_rows_and_files_are_there_after_a_restart(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        new = new_submission(outbox, b"one")
        await outbox.add(new)
    again = Outbox(backend_at(database_url, tmp_path))
    await again.open()
    work = await again.claim(new.id)
    assert work
    assert await read_file(again, work.pending[0]) == b"one"
    await again.close()


async def test_looking_for_due_rows_uses_the_index(outbox: Outbox) -> None:
    """A partial index is used only if the statement spells out its condition and the clock stands still while it
    runs."""

    @event.listens_for(Engine, "before_cursor_execute", retval=True)
    def explain(connection: Connection, _: object, statement: str, parameters: Any, *rest: object) -> tuple[str, Any]:
        return (
            "EXPLAIN " if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        ) + statement, parameters

    def plan(connection: Connection) -> str:
        return "\n".join(map(str, connection.execute(outbox._statements.due, {"limit": 9, "shut": ["a"]}).all()))

    try:
        shown = await outbox.backend.read(plan)
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
    assert "submission_due" in shown, shown


async def test_a_look_at_whether_it_can_be_written_changes_nothing(outbox: Outbox) -> None:
    await outbox.check_writable()
    assert await outbox.next_due_in() is None
