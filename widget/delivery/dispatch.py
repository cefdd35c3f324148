"""Decides when a row is tried: the interface, and its implementation for one process.

The rows are the truth. A dispatcher stores new rows, and tries them at once if it has a free slot. It claims the rows
that are due, as many as it has free slots for, and sweeps for rows that nobody announced. With PostgreSQL, several
processes do so, and an engine wakes them: see `procrastinate`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog

from widget.delivery.announcer import Announcer
from widget.delivery.bursts import WITHIN, Bursts
from widget.delivery.delivery import Delivery, Turn
from widget.errors import OutboxUnavailable
from widget.outbox.model import SubmissionStatus, just_stored
from widget.outbox.outbox import Outbox
from widget.submissions.model import Submission

log = structlog.get_logger("widget.delivery.dispatch")

_OVERDUE = 1.0
"""Seconds after which a row that is due, and that nobody has claimed, is one that only its id can be claimed by."""
_AFTER_TROUBLE = 1.0
"""Seconds until the next look after one that failed."""
_LAST_WRITES = 1.5
"""Seconds in which a cancelled delivery may still be recorded as unknown."""


class Dispatcher:
    """Delivers in this process, up to `concurrency` rows at once.

    Its loop sleeps until the next row is due, but never for longer than `sweep_every` seconds, so that rows which
    nobody announced are found as well. Each sweep calls `tidy`, which removes what has expired.

    Accepting comes first: stored rows can wait, people who press Send should not. During a burst, no row is tried that
    is not on its way already.
    """

    _shortest_pause = 0.05
    """Seconds. What is due and was not claimed is about to be claimed by a task of this process."""

    def __init__(
        self,
        outbox: Outbox,
        delivery: Delivery,
        *,
        concurrency: int,
        sweep_every: float,
        tidy: Callable[[], Awaitable[None]],
    ) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._concurrency = concurrency
        self._sweep_every = sweep_every
        self._tidy = tidy
        self._away_until = 0.0
        self._outage = outbox.outage
        self._bursts = Bursts()
        self._after_burst: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[SubmissionStatus | None]] = {}
        self._look_again = False
        self._draining_since: float | None = None
        self._loop: asyncio.Task[None] | None = None
        self._announcer = Announcer(outbox.backend)

    def start(self) -> None:
        """Begin. Rows that a crash interrupted come first."""
        self._loop = asyncio.create_task(self._run(), name="dispatcher")

    @property
    def sending(self) -> Sequence[str]:
        """The ids of the rows that are being delivered now."""
        return tuple(self._running)

    @property
    def _draining(self) -> bool:
        return self._draining_since is not None

    def drain(self) -> None:
        """Take no new rows from now on."""
        if self._draining_since is None:
            self._draining_since = asyncio.get_running_loop().time()
        self._wake.set()

    async def stop(self, grace: float) -> None:
        """Finish the deliveries in progress, until `grace` seconds after `drain`. What is cut off then becomes
        `unknown`.

        This does not wait for a database that is unavailable: the next process finds what could not be written.
        """
        self.drain()
        assert self._draining_since is not None  # noqa: S101
        end = self._draining_since + grace
        if self._loop:
            await finish([self._loop], end)
        if cut_off := await finish([*self._running.values()], end):
            log.warning("delivery.cut_off", submissions=[task.get_name().split()[-1] for task in cut_off])
        await self._announcer.close()

    async def accept(self, new: Submission, wait: float) -> SubmissionStatus | None:
        """Store a submission for good, try it, and wait up to `wait` seconds for its outcome.

        It is only stored, and tried in its turn, if no slot is free, a burst is coming in, the product's rows are held
        back, or before `start` and after `drain`. Returns its status; None, and nothing is stored, if it is known
        already, as `Outbox.add` says. Raises OutboxUnavailable.
        """
        self._bursts.note_arrival()
        if new.id in self._running or not self._has_room(new.product):
            return await self._accept_for_later(new)
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        sending = self._begin(new.id, partial(self._delivery.begin, new, stored))
        if not await asyncio.shield(stored):
            return None
        _log_accepted(new)
        if wait > 0:
            await asyncio.wait({sending}, timeout=wait)
        status = sending.result() if sending.done() and not sending.cancelled() else None
        return status or just_stored(new)

    async def _accept_for_later(self, new: Submission) -> SubmissionStatus | None:
        if not await self._outbox.add(new):
            return None
        _log_accepted(new)
        self._look_again = True
        self._announcer.announce()
        if self._bursts.lasts:
            if self._after_burst is None:
                self._after_burst = asyncio.get_running_loop().call_later(WITHIN, self._look_after_burst)
        elif self._has_room(new.product):  # by now; whoever made room may have looked before the row was there
            self._wake.set()
        return just_stored(new)

    def why_kept_back(self, product: str) -> str | None:
        """Why the product's rows are not tried now; None if they are."""
        return self._delivery.gates[product].reason

    async def probe_without_row(self, product: str) -> None:
        """See whether a shut gate may open although no row is due."""
        if await self._delivery.probe_without_row(product):
            self._wake.set()

    def _has_room(self, product: str) -> bool:
        busy = len(self._running) >= self._concurrency
        crowded = self._bursts.lasts and self._running  # one after the other is no crowd, however fast
        is_at_work = self._loop is not None and not self._draining
        return is_at_work and self._delivery.takes_new(product) and not (busy or crowded)

    def _look_after_burst(self) -> None:
        self._after_burst = None
        self._wake.set()

    def _slots(self) -> int:
        """How many rows may be in delivery now."""
        return 0 if self._bursts.lasts else self._concurrency

    def _begin(
        self, submission_id: str, deliver: Callable[[], Awaitable[Turn]]
    ) -> asyncio.Task[SubmissionStatus | None]:
        task = asyncio.create_task(self._advance(submission_id, deliver), name=f"advance {submission_id}")
        self._running[submission_id] = task
        task.add_done_callback(partial(self._ended, submission_id))
        return task

    def _ended(self, submission_id: str, task: asyncio.Task[SubmissionStatus | None]) -> None:
        if self._running.get(submission_id) is task:
            del self._running[submission_id]
        if self._look_again:
            self._wake.set()

    async def _advance(self, submission_id: str, deliver: Callable[[], Awaitable[Turn]]) -> SubmissionStatus | None:
        """Deliver a row. Returns its new status, if one was written."""
        try:
            turn = await deliver()
            if turn.again is not None:
                self._look_again = True
            return turn.status
        except OutboxUnavailable as error:
            self._look_again = True
            self._outbox_is_away(error)
        except Exception:
            log.exception("delivery.failed", submission=submission_id)  # it is tried again once its lease ends
        return None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_sweep = loop.time()
        while not self._draining:
            self._wake.clear()
            try:
                if loop.time() >= next_sweep or self._outage.lasts:
                    await self._sweep()
                    self._outage.over()
                    next_sweep = loop.time() + self._sweep_every
                    await self._tidy()  # if that fails, deliveries go on
                away = self._away_until - loop.time()
                pause = away if away > 0 else min(await self._look(), max(0.0, next_sweep - loop.time()))
            except OutboxUnavailable as error:
                self._outbox_is_away(error)
                pause = _AFTER_TROUBLE
            except Exception:
                log.exception("delivery.failed")  # whatever it was, the next look finds the rows again
                pause = _AFTER_TROUBLE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    def _outbox_is_away(self, error: OutboxUnavailable) -> None:
        """Start no row for a while. Each would fail at once, and the next look would find it due again."""
        now = asyncio.get_running_loop().time()
        if now >= self._away_until:
            self._outage.note(str(error))
            self._away_until = now + _AFTER_TROUBLE

    async def _sweep(self) -> None:
        """Deal with rows that were left in the middle of a delivery."""
        await self._delivery.recover(running=tuple(self._running))

    async def _look(self) -> float:
        """Claim due rows while there are free slots, and start them. Returns the seconds until the next look."""
        self._look_again = True  # for slots that become free meanwhile
        while (free := self._slots() - len(self._running)) > 0:
            works = await self._delivery.claim_due(free)
            for work in works:
                self._begin(work.id, partial(self._delivery.carry, work))
            if len(works) < free:
                return await self._found_all(free - len(works))
        self._announcer.announce()  # somebody else may have room
        return WITHIN if self._bursts.lasts else self._sweep_every

    async def _found_all(self, free: int) -> float:
        """Try the rows that only their ids can be claimed by: a shut gate's probe, and those of removed products."""
        shut = self._delivery.kept_back()
        self._look_again = bool(shut)
        for row in (await self._delivery.for_series())[:free]:
            if row.id not in self._running:
                self._begin(row.id, partial(self._delivery.advance, *row))
        due_in = await self._outbox.next_due_in(shut)
        if due_in is not None and (due_in < -_OVERDUE or self._delivery.wants_probe()):
            others = [*shut, *self._delivery.open_products()]
            of_late = self._delivery.wants_late_probe()
            rows = await self._outbox.due(free + 1 + self._delivery.suspects, others, of_late=of_late)
            for row in sorted(rows, key=self._delivery.is_suspect)[:free]:
                if row.id not in self._running:
                    self._begin(row.id, partial(self._delivery.advance, *row))
        waits = [self._sweep_every, *shut.values(), *([] if due_in is None else [due_in])]
        return max(self._shortest_pause, min(waits))


def _log_accepted(new: Submission) -> None:
    log.info("submission.accepted", submission=new.id, product=new.product, files=len(new.attachments))


async def finish(tasks: Sequence[asyncio.Task[Any]], end: float) -> Sequence[asyncio.Task[Any]]:
    """Wait for `tasks` until the loop's time is `end`, then cancel the rest and wait a little longer for them.

    Returns the cancelled tasks.
    """
    if not tasks:
        return ()
    await asyncio.wait(tasks, timeout=max(0.0, end - asyncio.get_running_loop().time()))
    late = [task for task in tasks if not task.done()]
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_LAST_WRITES)
    return late


class NoDispatcher(Dispatcher):
    """For a process that leaves all delivery to others. It neither sweeps nor tries rows."""

    def start(self) -> None:
        """Does nothing."""

    def _has_room(self, product: str) -> bool:
        return False
