"""What has been kept for long enough is removed, on both databases, and the running service says so."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from bed import Sandbox, Widget, until
from outboxes import kept_blobs, new_submission, outbox_at, time_passes
from samples import png
from sqlalchemy import create_engine, insert, select
from sqlalchemy.dialects import sqlite

from widget.outbox.entries import Wanted
from widget.outbox.model import Transition
from widget.outbox.operator import Operator
from widget.outbox.outbox import Outbox
from widget.outbox.retention import Retention
from widget.outbox.sqlite import SQLiteBackend
from widget.outbox.tables import metadata, submission

DAY = 86_400.0
CONTEXT = '{"version": "3.1"}'


class Kept:
    """An outbox that removes after 30 days (receipts after 10, tokens after 20)."""

    def __init__(self, outbox: Outbox, contexts: float = 0) -> None:
        self.outbox = outbox
        self.retention = Retention(outbox.backend, kept=30 * DAY, receipts=10 * DAY, tokens=20 * DAY, contexts=contexts)
        self.operator = Operator(outbox.backend)

    async def row(self, name: str, transition: Transition) -> None:
        """A row with a file, after this transition."""
        await self.outbox.add(new_submission(self.outbox, png(), submission_id=name, context=CONTEXT))
        work = await self.outbox.claim(name)
        assert work is not None
        await self.outbox.record(work, transition)

    async def after(self, days: float) -> dict[str, bool]:
        """Sweep this many days later. Returns the ids of the remaining rows, each with whether its content is
        erased."""
        await time_passes(self.outbox, days * DAY)
        await self.retention.sweep()
        return {entry.id: entry.erased for entry in await self.operator.find(Wanted())}

    async def context(self, name: str) -> str | None:
        """The context that the host page gave, as far as it is still there."""
        context = select(submission.c.context).where(submission.c.id == name)
        return await self.outbox.backend.read(lambda c: c.scalar(context))

    async def files(self) -> int:
        return await kept_blobs(self.outbox)


@pytest.fixture
async def kept(database_url: str, tmp_path: Path) -> AsyncIterator[Kept]:
    async with outbox_at(database_url, tmp_path) as outbox:
        yield Kept(outbox)


async def test_what_was_refused_discarded_or_parked_is_erased_in_its_time(kept: Kept) -> None:
    await kept.row(
        "refused", Transition("refused", error="answered 400: Ada is not wanted", public_message="Ada is not wanted")
    )
    await kept.row("parked", Transition("unknown", error="no answer in time", possible_duplicate=True))
    await kept.row("given-up", Transition("queued", delay=9e9))
    await kept.operator.discard(["given-up"])
    assert await kept.after(days=29) == {"refused": False, "parked": False, "given-up": False}
    assert await kept.files() == 2  # those of the discarded row were removed at once
    assert await kept.after(days=2) == {"refused": True, "parked": True, "given-up": True}
    assert await kept.files() == 0
    entries = await kept.operator.find(Wanted())
    assert {entry.state for entry in entries} == {"refused", "unknown", "discarded"}
    assert {(entry.last_error, entry.public_message, entry.files) for entry in entries} == {
        ("erased after 30 days", None, 0)
    }
    whole = await kept.operator.whole("refused")
    assert whole is not None
    assert whole.feedback is None


async def test_what_still_waits_is_never_erased_however_old(kept: Kept) -> None:
    await kept.row("queued", Transition("queued", delay=400 * DAY))
    await kept.row("held", Transition("unknown", delay=400 * DAY, possible_duplicate=True))
    assert await kept.after(days=365) == {"queued": False, "held": False}


async def test_what_is_held_and_released_by_nobody_is_given_up_and_erased_in_its_time(kept: Kept) -> None:
    await kept.outbox.add(new_submission(kept.outbox, png(), submission_id="spam"), held="trap")
    assert await kept.after(days=29) == {"spam": False}
    assert await kept.after(days=2) == {"spam": True}
    assert [entry.state for entry in await kept.operator.find(Wanted())] == ["discarded"]
    assert await kept.files() == 0


async def test_the_time_begins_anew_for_what_was_put_back(kept: Kept) -> None:
    await kept.row("refused", Transition("refused"))
    await kept.after(days=20)
    await kept.operator.put_back(["refused"])
    work = await kept.outbox.claim("refused")
    assert work is not None
    assert work.age < 60
    await kept.outbox.record(work, Transition("refused"))
    assert await kept.after(days=20) == {"refused": False}
    assert await kept.after(days=11) == {"refused": True}


async def test_a_delivered_row_goes_when_its_receipt_and_its_token_have_run_out(kept: Kept) -> None:
    await kept.row("delivered", Transition("delivered", feedback_id=32))
    assert await kept.after(days=15) == {"delivered": True}  # its token would still be valid
    assert await kept.after(days=6) == {}


async def test_a_delivered_row_keeps_no_context(kept: Kept) -> None:
    await kept.row("delivered", Transition("delivered", feedback_id=1))
    assert await kept.context("delivered") is None


async def test_what_the_host_page_told_is_kept_after_delivery_only_where_wanted_and_for_so_long(
    database_url: str, tmp_path: Path
) -> None:
    async with outbox_at(database_url, tmp_path, keep_context=True) as outbox:
        kept = Kept(outbox, contexts=5 * DAY)
        await kept.row("delivered", Transition("delivered", feedback_id=1))
        await kept.after(days=4)
        assert await kept.context("delivered") == CONTEXT
        assert await kept.after(days=2) == {"delivered": True}
        assert await kept.context("delivered") is None


async def test_a_crowd_goes_batch_by_batch(kept: Kept) -> None:
    values = {"product": "demo", "state": "delivered", "accepted_at": 1.0, "ended_at": 1.0, "attempts": 1}
    flags = {"separately": False, "possible_duplicate": False}
    crowd = [{"id": f"{number}", "feedback_id": number, **values, **flags} for number in range(1201)]
    await kept.outbox.backend.write(lambda c: c.execute(insert(submission), crowd).rowcount)
    assert await kept.after(days=0) == {}


def test_the_partial_indexes_are_used(tmp_path: Path) -> None:
    """A sweep reads what it removes, not the whole table. For that, the statement has to spell out the states."""
    backend = SQLiteBackend(tmp_path / "widget.db")
    retention = Retention(backend, kept=1, receipts=1, tokens=1)
    engine = create_engine(f"sqlite:///{tmp_path / 'widget.db'}")
    metadata.create_all(engine)
    with engine.connect() as connection:
        for statement, index in (
            (retention._statements.outlived, "submission_left_at"),
            (retention._statements.remove, "submission_delivered_at"),
            (retention._statements.forget_context, "submission_context_at"),
        ):
            text = str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True}))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple([1] * text.count("?"))).all()
            assert index in str(plan)
    engine.dispose()


def test_the_service_sweeps_by_itself_and_says_so(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(SWEEP_INTERVAL="0.2", RECEIPT_DAYS="2", RETENTION_DAYS="3")
    token = widget.token()
    delivered = widget.submit(token=token)
    insider.misbehave("refuse", "create")
    assert widget.submit("not wanted").status_code == 422
    age(widget, days=4)
    until(lambda: '"retention.removed"' in widget.log() and '"submission.erased"' in widget.log())
    assert widget.receipt(delivered) == {
        "status": "expired",
        "accepted_at": None,
        "delivered_at": None,
        "feedback_id": None,
        "attachments": [],
    }
    page = widget.client.get(delivered.json()["receipt_url"])
    assert (page.status_code, "expired" in page.text) == (200, True)
    assert (widget.row()["state"], widget.row()["erased"]) == ("refused", True)


def test_a_repeat_makes_no_second_feedback_for_as_long_as_its_token_is_believed(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(SWEEP_INTERVAL="0.2", RECEIPT_DAYS="1", TOKEN_MAX_AGE=str(10 * 86_400))
    token = widget.token()
    older = widget.submit("older")
    age(widget, days=6)
    first = widget.submit(token=token)
    age(widget, days=6)  # the older one has outlived its token, and any identity that came with it
    until(lambda: '"retention.removed"' in widget.log())
    assert [widget.receipt(answer)["status"] for answer in (older, first)] == ["expired", "expired"]
    assert len(widget.rows()) == 1
    assert widget.submit(token=token).json()["receipt"] == first.json()["receipt"]
    assert insider.counts()["create"] == 2


def age(widget: Widget, days: float) -> None:
    """Make all rows this much older."""
    with sqlite3.connect(widget.folder / "widget.db") as database:
        database.execute(
            "UPDATE submission SET accepted_at = accepted_at - :by, ended_at = ended_at - :by", {"by": days * DAY}
        )
    database.close()
