"""The operator's statements, on SQLite and on PostgreSQL."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from outboxes import due_ids, kept_blobs, new_submission, outbox_at, time_passes
from sqlalchemy import Connection

from widget.cli import operating
from widget.outbox.entries import Entry, Erased, Wanted
from widget.outbox.model import Transition
from widget.outbox.operator import Operator
from widget.outbox.outbox import Outbox

VERDICTS = {
    "queued": Transition("queued", delay=500.0, error="answered 503"),
    "refused": Transition("refused", error="answered 400: no", public_message="no"),
    "parked": Transition("unknown", error="no answer in time", possible_duplicate=True),
    "held": Transition("unknown", delay=500.0, possible_duplicate=True),
    "created": Transition("queued", delay=500.0, feedback_id=7),
    "delivered": Transition("delivered", feedback_id=8),
}


@pytest.fixture
async def outbox(database_url: str, tmp_path: Path) -> AsyncIterator[Outbox]:
    """A row in each state, and one that is being sent, each with a file."""
    async with outbox_at(database_url, tmp_path) as outbox:
        for name, verdict in {**VERDICTS, "sending": None}.items():
            await outbox.add(new_submission(outbox, b"bytes", submission_id=name, product=f"of-{name}"))
            work = await outbox.claim(name)
            assert work
            if verdict:
                await outbox.record(work, verdict)
        yield outbox


async def ids(operator: Operator, wanted: Wanted) -> set[str]:
    found = {entry.id for entry in await operator.find(wanted)}
    assert await operator.count(wanted) == len(found)
    return found


async def entry(operator: Operator, submission_id: str) -> Entry:
    (found,) = await operator.find(Wanted(ids=(submission_id,)))
    return found


async def test_rows_are_found_by_state_product_and_age(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    assert await ids(operator, Wanted()) == {*VERDICTS, "sending"}
    assert await ids(operator, Wanted(states=("unknown", "refused"))) == {"parked", "held", "refused"}
    assert await ids(operator, Wanted(products=("of-created",), states=("queued",))) == {"created"}
    assert await ids(operator, Wanted(older_than=60)) == set()
    await time_passes(outbox, 100)
    assert len(await ids(operator, Wanted(older_than=60, younger_than=1000))) == 7
    queued = await entry(operator, "queued")
    assert (queued.files, queued.attempts, queued.last_error, queued.erased) == (1, 1, "answered 503", False)
    assert queued.due_in is not None
    assert 300 < queued.due_in < 400
    assert (await entry(operator, "parked")).due_in is None
    assert (await entry(operator, "delivered")).erased


async def test_pages_follow_one_another_without_a_gap(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    seen: list[Entry] = []
    while page := await operator.find(Wanted(), after=seen[-1] if seen else None, limit=2):
        seen += page
    assert len(seen) == 7
    assert {each.id for each in seen} == {*VERDICTS, "sending"}


async def test_the_database_sorts_and_counts_the_selected_rows_once_however_many(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = Operator(outbox.backend)
    in_order = [entry.id for entry in await operator.find(Wanted())]
    looks: list[object] = []
    read = outbox.backend.read

    async def counted(job: Callable[[Connection], Any]) -> Any:
        looks.append(job)
        return await read(job)

    monkeypatch.setattr(outbox.backend, "read", counted)
    assert await operator.ids(Wanted(), limit=3, newest=True) == in_order[:-4:-1]
    assert await operator.count_by_state(Wanted(erased=False)) == Counter(queued=2, unknown=2, refused=1, sending=1)
    assert [(group.product, group.count) for group in await operator.groups(Wanted(states=("refused",)))] == [
        ("of-refused", 1)
    ]
    assert len(looks) == 3
    monkeypatch.setattr(operating, "BATCH", 2)
    assert [entry.id async for entry in operating.each(operator, Wanted())] == in_order
    assert len(looks) == 3 + 1 + 4  # the ids, and four times two rows by their ids


async def test_all_but_what_is_sent_or_delivered_can_be_put_back(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    changed = await operator.put_back([*VERDICTS, "sending", "nobody"])
    assert set(changed.done) == {"queued", "refused", "parked", "held", "created"}
    assert changed.left == {
        "delivered": "is delivered",
        "sending": "is being sent at this moment",
        "nobody": "not known",
    }
    assert set(await due_ids(outbox)) == set(changed.done)
    work = await outbox.claim("created")
    assert work
    assert (work.feedback_id, work.attempts) == (7, 1)
    work = await outbox.claim("parked")
    assert work
    assert work.possible_duplicate


async def test_what_is_given_up_is_due_no_more_and_can_be_taken_back(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    changed = await operator.discard(["queued", "held", "delivered"])
    assert set(changed.done) == {"queued", "held"}
    await time_passes(outbox, 10_000)
    assert {"queued", "held"}.isdisjoint(await due_ids(outbox))
    assert (await operator.put_back(["held"])).done == ("held",)


async def test_what_is_held_is_found_released_one_by_one_and_not_by_the_way(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    for name in ("spam", "friend"):
        await outbox.add(new_submission(outbox, submission_id=name), held="trap")
    assert await ids(operator, Wanted(held=True)) == {"spam", "friend"}
    assert await ids(operator, Wanted(states=("queued",), held=False)) == {"queued", "created"}
    assert (await entry(operator, "spam")).held_for == "trap"
    assert (await operator.put_back(["friend"])).done == ("friend",)
    assert await due_ids(outbox) == ["friend"]
    assert await ids(operator, Wanted(held=True)) == {"spam"}
    await operator.discard(["spam"])
    assert await ids(operator, Wanted(held=True)) == set()


async def test_a_person_is_erased_wherever_they_are_and_what_is_sent_writes_nothing_more(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    await outbox.add(new_submission(outbox, b"bytes", submission_id="last"))
    sending = await outbox.claim("last")
    assert sending
    erased = await operator.erase_person("ADA@example.com")
    assert (len(erased.ids), erased.discarded, erased.sending, erased.feedback_ids) == (7, 6, 2, (7,))
    assert await kept_blobs(outbox) == 0
    assert not await outbox.record(sending, Transition("delivered", feedback_id=9))
    whole = await operator.whole("refused")
    assert whole
    assert (whole.entry.state, whole.feedback, whole.attachments) == ("refused", None, ())
    assert (whole.entry.last_error, whole.entry.public_message, whole.context) == ("erased on request", None, None)
    assert (await operator.put_back(["queued"])).left == {"queued": "what was said is erased"}
    assert (await operator.erase_person("ada@example.com")).ids == ()


async def test_single_rows_are_erased_in_whatever_state_and_the_others_stay(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    erased = await operator.erase(["queued", "parked", "sending", "delivered", "nobody", "nobody"])
    assert set(erased.ids) == {"queued", "parked", "sending", "delivered"}
    assert (erased.discarded, erased.sending, erased.feedback_ids, erased.left) == (3, 1, (8,), ("nobody",))
    states = {entry.id: (entry.state, entry.erased, entry.files) for entry in await operator.find(Wanted())}
    assert {states[each] for each in ("queued", "parked", "sending")} == {("discarded", True, 0)}
    assert states["delivered"] == ("delivered", True, 0)
    assert {states[each][1:] for each in ("refused", "held", "created")} == {(False, 1)}
    assert await kept_blobs(outbox) == 3
    assert {"queued", "parked"}.isdisjoint(await due_ids(outbox))


async def test_a_text_that_is_no_id_is_not_known_and_no_fault(outbox: Outbox) -> None:
    operator = Operator(outbox.backend)
    odd = ["\0", "queued\0", "\ud800", "\udcff", "", "%", "9" * 30, "\N{SNOWMAN}"]
    for text in odd:
        assert await operator.whole(text) is None
        assert list(await operator.named(text)) == []
    for change in (operator.discard, operator.put_back):
        assert (await change(odd)).left == dict.fromkeys(odd, "not known")
    assert await operator.erase([*odd, "queued"]) == Erased(("queued",), 1, 0, (), left=tuple(odd))
