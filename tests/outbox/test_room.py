"""Room for attachments: submissions that wait for the operator take none from those that wait for delivery, and no
product takes all."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bed import Sandbox, Widget
from outboxes import due_ids, kept_blobs, new_submission, outbox_at, time_passes
from samples import png

from widget.errors import OutboxFull
from widget.outbox.model import Transition
from widget.outbox.operator import Operator
from widget.outbox.outbox import Outbox
from widget.outbox.retention import Retention

FILE = bytes(100)
DAY = 86_400.0


async def add(outbox: Outbox, product: str = "demo", held: str | None = None, file: bytes = FILE) -> str:
    new = new_submission(outbox, file, product=product)
    await outbox.add(new, held=held)
    return new.id


async def test_what_is_held_takes_no_room_from_what_waits(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, max_pending=300, max_quarantine=300) as outbox:
        for _ in range(3):
            await add(outbox, held="trap")
        with pytest.raises(OutboxFull):
            await add(outbox, held="trap")
        for _ in range(3):
            await add(outbox)
        with pytest.raises(OutboxFull):
            await add(outbox)
        await outbox.add(new_submission(outbox))  # text is stored all the same


async def test_what_was_refused_or_parked_takes_no_room_either(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, max_pending=200) as outbox:
        for transition in (
            Transition("refused", error="no"),
            Transition("unknown", error="?", possible_duplicate=True),
        ):
            work = await outbox.claim(await add(outbox))
            assert work is not None
            assert await outbox.record(work, transition)
        assert await kept_blobs(outbox) == 2
        for _ in range(2):
            await add(outbox)


@pytest.mark.parametrize("held", [None, "trap"])
async def test_many_at_once_get_no_more_than_there_is(database_url: str, tmp_path: Path, held: str | None) -> None:
    file = bytes(200_000)
    room = 5 * len(file)
    async with outbox_at(database_url, tmp_path, max_pending=room, max_quarantine=room) as outbox:
        adding = [add(outbox, held=held, file=file) for _ in range(24)]
        done = await asyncio.gather(*adding, return_exceptions=True)
        assert [type(each) for each in done if not isinstance(each, str)] == [OutboxFull] * 19
        assert await kept_blobs(outbox) == 5


async def test_one_product_gets_half_while_others_wait_and_all_of_it_alone(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, max_pending=400) as outbox:
        for _ in range(4):
            await add(outbox, "greedy")
        with pytest.raises(OutboxFull):
            await add(outbox, "greedy")
    async with outbox_at(database_url, tmp_path, max_pending=800) as outbox:
        await add(outbox, "modest")
        with pytest.raises(OutboxFull):
            await add(outbox, "greedy")  # it already has its half
        for _ in range(3):
            await add(outbox, "modest")


async def test_one_product_alone_leaves_another_room_to_begin(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, max_pending=800, share=True) as outbox:
        for _ in range(7):
            await add(outbox, "greedy")
        with pytest.raises(OutboxFull):
            await add(outbox, "greedy")
        await add(outbox, "modest")


async def test_a_sender_may_have_as_much_waiting_as_is_left_for_others(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, max_pending=800) as outbox:
        greedy: list[str] = []

        async def send(*beside: str) -> str:
            new = replace(new_submission(outbox, FILE), beside=beside)
            await outbox.add(new)
            return new.id

        for _ in range(4):
            greedy.append(await send(*greedy))
        with pytest.raises(OutboxFull):
            await send(*greedy)
        for _ in range(3):
            await send("0" * 32)  # others, of whose earlier ones nothing waits
        with pytest.raises(OutboxFull):
            await send(*greedy)
        work = [await outbox.claim(each) for each in greedy[:3]]
        assert all([each and await outbox.record(each, Transition("delivered", feedback_id=1)) for each in work])
        await send(*greedy)


async def test_a_sender_may_have_as_much_held_as_is_left_for_others(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, max_quarantine=400) as outbox:
        held: list[str] = []
        for _ in range(2):
            new = replace(new_submission(outbox, FILE), beside=tuple(held))
            await outbox.add(new, held="trap")
            held.append(new.id)
        with pytest.raises(OutboxFull):
            await outbox.add(replace(new_submission(outbox, FILE), beside=tuple(held)), held="trap")
        await outbox.add(replace(new_submission(outbox, FILE), beside=tuple(held)))  # there is other room for this
        await add(outbox, held="trap")


async def test_what_was_refused_cannot_fill_the_disk_and_what_may_have_arrived_stays(
    database_url: str, tmp_path: Path
) -> None:
    async with outbox_at(database_url, tmp_path, max_quarantine=300) as outbox:
        held = await add(outbox, held="trap")
        rows = [await add(outbox) for _ in range(4)]
        parked = Transition("unknown", error="?", possible_duplicate=True)
        for submission_id, transition in zip(rows, [parked, *[Transition("refused", error="no")] * 3], strict=True):
            work = await outbox.claim(submission_id)
            assert work is not None
            assert await outbox.record(work, transition)
        retention = Retention(outbox.backend, kept=30 * DAY, receipts=30 * DAY, tokens=DAY, max_quarantine=300)
        await retention.sweep()
        assert [await files_of(outbox, each) for each in (held, *rows)] == [0, 1, 0, 1, 1]
        await retention.sweep()
        assert await kept_blobs(outbox) == 3
        assert await due_ids(outbox) == []


async def files_of(outbox: Outbox, submission_id: str) -> int:
    whole = await Operator(outbox.backend).whole(submission_id)
    assert whole is not None
    assert whole.feedback is not None
    return sum(file.blob is not None for file in whole.attachments)


async def test_discarding_frees_the_room_at_once(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, max_pending=100) as outbox:
        first = await add(outbox)
        changed = await Operator(outbox.backend).discard([first])
        assert changed.done == (first,)
        assert await kept_blobs(outbox) == 0
        await add(outbox)


async def test_a_discarded_row_that_is_put_back_goes_on_without_its_files(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        first, operator = await add(outbox), Operator(outbox.backend)
        await operator.discard([first])
        await operator.put_back([first])
        assert await due_ids(outbox) == [first]
        work = await outbox.claim(first)
        assert work is not None
        assert (work.feedback.description, work.pending) == ("It works", ())
        status = await outbox.status(first)
        assert status is not None
        assert [file.status for file in status.attachments] == ["refused"]


async def test_the_files_of_a_held_row_go_after_its_days_and_its_words_stay(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        held, waiting = await add(outbox, held="trap"), await add(outbox)
        retention = Retention(outbox.backend, kept=30 * DAY, receipts=30 * DAY, tokens=DAY, held_files=2 * DAY)
        await time_passes(outbox, 1.9 * DAY)
        await retention.sweep()
        assert await kept_blobs(outbox) == 2
        await time_passes(outbox, 0.2 * DAY)
        await retention.sweep()
        assert await kept_blobs(outbox) == 1
        whole = await Operator(outbox.backend).whole(held)
        assert whole is not None
        assert whole.feedback is not None
        assert await due_ids(outbox) == [waiting]


def sends(widget: Widget, address: str, **fields: str) -> int:
    """The answer's status for a submission with a file from an address."""
    parts = {"token": widget.token(), "submittedByEmail": "ada@example.com", **fields}
    headers = {"Accept": "application/json", "X-Forwarded-For": address}
    files = [("files", ("a.png", png(size=20_000), "image/png"))]
    return widget.client.post("/form/demo", data=parts, files=files, headers=headers).status_code


def test_while_nothing_is_delivered_one_sender_cannot_use_up_the_room(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(PENDING_BYTES="80000", DELIVERY_WAIT="0", TRUSTED_PROXIES="127.0.0.1")
    insider.down()
    site = [f"2001:db8:1:{n:x}::1" for n in range(4)]
    assert [sends(widget, address) for address in site] == [202, 202, 503, 503]
    assert sends(widget, "2001:db8:2::1") == 202
    assert widget.submit("a text").status_code == 202


def test_spam_cannot_shut_attachments_off_for_anybody(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(PENDING_BYTES="50000", QUARANTINE_BYTES="80000", TRUSTED_PROXIES="127.0.0.1")
    bots = ["192.0.2.1"] * 4 + ["192.0.2.2"] * 2
    statuses = [sends(widget, bot, website="https://spam.example") for bot in bots]
    assert statuses == [202, 202, 503, 503, 202, 503]
    assert widget.submit("honest", files=[("a.png", png(size=20_000), "image/png")]).status_code == 201
    assert insider.descriptions() == ["honest"]
