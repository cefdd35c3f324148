"""Counts that the database keeps by itself, in the transaction that changes a row: permanent, and nothing personal."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from outboxes import new_submission, outbox_at, time_passes
from sqlalchemy import text

from widget.outbox.model import Transition
from widget.outbox.operator import Operator
from widget.outbox.outbox import Outbox
from widget.outbox.tally import Tally
from widget.telemetry.counters import Amount, Key

HOUR, DAY = 3600.0, 86_400.0


async def deliver(outbox: Outbox, submission_id: str, transition: Transition) -> None:
    work = await outbox.claim(submission_id)
    assert work is not None
    assert await outbox.record(work, transition)


async def accept(outbox: Outbox, *files: bytes, locale: str = "en", rating: bool | None = True) -> str:
    new = new_submission(outbox, *files)
    new = replace(new, locale=locale, feedback=replace(new.feedback, rating=rating))
    assert await outbox.add(new)
    return new.id


async def counted(outbox: Outbox) -> dict[Key, int]:
    return {key: amount.number for key, amount in (await Tally(outbox.backend).totals()).items()}


async def test_a_submission_and_its_end_are_counted_once_each_whatever_is_repeated(
    database_url: str, tmp_path: Path
) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        new = replace(new_submission(outbox), locale="de")
        assert await outbox.add(new)
        assert not await outbox.add(new)  # the same form, sent twice
        await time_passes(outbox, 7)
        await deliver(outbox, new.id, Transition("queued", delay=0.0, error="busy"))
        await deliver(outbox, new.id, Transition("delivered", feedback_id=1))
        await outbox.check_writable()  # whose probe is not a submission
        totals = await Tally(outbox.backend).totals()
        assert {key: amount.number for key, amount in totals.items()} == {
            Key("accepted", "demo", "de", "up"): 1,
            Key("delivered", "demo", detail="10"): 1,
        }
        assert totals[Key("delivered", "demo", detail="10")].seconds == pytest.approx(7, abs=2)


async def test_each_kind_of_end_is_counted_with_its_reason(database_url: str, tmp_path: Path) -> None:
    ends = [
        Transition("refused", error="answered 400: no", cause="answered_400"),
        Transition("unknown", delay=None, error="no answer in time", cause="no_answer"),
        Transition("unknown", delay=900.0, error="no answer in time", cause="no_answer"),  # continues by itself
    ]
    async with outbox_at(database_url, tmp_path) as outbox:
        for transition in ends:
            await deliver(outbox, await accept(outbox, rating=None), transition)
        held = new_submission(outbox)
        await outbox.add(held, held="a trap")
        await Operator(outbox.backend).discard([held.id])
        assert await counted(outbox) == {
            Key("accepted", "demo", "en", "none"): 3,
            Key("accepted", "demo", "", "up", detail="a trap"): 1,
            Key("refused", "demo", detail="answered_400"): 1,
            Key("unknown", "demo", detail="no_answer"): 1,
            Key("discarded", "demo"): 1,
        }


async def test_counts_outlive_an_erasure_and_hold_nothing_of_the_person(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        await accept(outbox, b"picture", rating=False)
        await Operator(outbox.backend).erase_person("ada@example.com")
        await outbox.backend.write(lambda c: c.execute(text("DELETE FROM submission")).rowcount)
        assert await counted(outbox) == {
            Key("accepted", "demo", "en", "down", files=True): 1,
            Key("discarded", "demo"): 1,
        }
        rows = await outbox.backend.read(lambda c: c.execute(text("SELECT * FROM tally")).all())
        assert "ada" not in str(rows)


async def test_a_change_that_is_rolled_back_is_not_counted(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        one = await accept(outbox)

        def fail(connection: object) -> None:
            connection.execute(text("UPDATE submission SET state = 'refused', ended_at = 1"))  # type: ignore[attr-defined]
            raise LookupError

        with pytest.raises(LookupError):
            await outbox.backend.write(fail)
        assert await counted(outbox) == {Key("accepted", "demo", "en", "up"): 1}
        assert await outbox.claim(one)


async def test_what_is_accepted_at_once_is_counted_once_each(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        await asyncio.gather(*(accept(outbox) for _ in range(40)))
        assert await counted(outbox) == {Key("accepted", "demo", "en", "up"): 40}


async def test_hours_become_days_and_connections_one_without_a_change_of_any_sum(
    database_url: str, tmp_path: Path
) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        tally = Tally(outbox.backend)
        key = Key("rejected", "demo", detail="too_fast")
        insert = (
            "INSERT INTO tally SELECT CAST({now} AS BIGINT) / 3600 * 3600 - {age}, 'rejected', 'demo', '', '',"
            " FALSE, 'too_fast', {slot}, 2, 0.5"
        )
        now = "strftime('%s')" if outbox.backend.alone else "extract(epoch FROM now())"
        for age in (0, 5 * HOUR, 6 * HOUR, *(40 * DAY + hour * HOUR for hour in range(30))):
            for slot in (0, 1, 2):
                statement = text(insert.format(now=now, age=int(age), slot=slot))
                await outbox.backend.write(lambda c, s=statement: c.execute(s).rowcount)  # type: ignore[misc]
        await tally.add({key: Amount(4, 1.0)})
        before = await tally.totals()
        assert before[key].number == 33 * 6 + 4
        await tally.compact()
        assert await tally.totals() == before
        hours = await outbox.backend.read(lambda c: c.execute(text("SELECT hour, slot FROM tally")).all())
        days = {hour for hour, _ in hours if hour % 86_400 == 0}
        assert 2 <= len(days) <= 5
        assert len(hours) <= len(days) + 2 + 4  # two earlier hours, and the present one by connection
        assert await tally.compact() == 0


async def test_only_what_was_asked_for_is_read(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        await accept(outbox)
        tally = Tally(outbox.backend)
        (count,) = await tally.read(DAY, ["accepted"])
        assert count.key == Key("accepted", "demo", "en", "up")
        assert count.hour % 3600 == 0
        assert await tally.read(-2 * HOUR, ["accepted"]) == []
        assert await tally.read(DAY, ["refused"]) == []
