"""Who calls `advance`, and when: the port, and its implementation for one process.

The rows are the truth. A dispatcher tries those that are due, each in a slot of its own, and sweeps for those that
nobody announced. With PostgreSQL an engine says which row is whose turn: see `workers`.
"""

import abc
import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from widget.delivery.delivery import Delivery
from widget.errors import OutboxUnavailable
from widget.outbox.model import Due
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.delivery.dispatch")

_SHORTEST_PAUSE = 0.05
"""Seconds; a row that was just accepted is due, but somebody is about to claim it."""
_BURST = 8
_BURST_WITHIN = 0.1
"""So many rows accepted within so many seconds are a burst."""
_LONGEST_BURST = 10.0
"""Seconds; what goes on for longer is how things are, and has to be delivered as fast as it comes."""
_MEANWHILE = 2
"""Rows on their way to Insider Connect at once while a burst is being accepted."""
_AFTER_TROUBLE = 1.0
"""Seconds until the next look when one came to nothing."""
_LAST_WRITES = 1.5
"""Seconds in which what is cut off may still be written down as unknown."""


class Dispatcher(abc.ABC):
    """Calls `advance` in this process, for up to `concurrency` rows at once.

    Its loop sleeps until the next row is due; `sweep_every` (seconds) is the longest it sleeps, so that a row which
    nobody announced is found too. `tidy` is called with each sweep, for what has outlived its time.

    Accepting comes first: what is stored can wait, who presses Send should not. In a burst new rows are not tried at
    once, and few of the others are, until it is over.
    """

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
        self._arrivals: deque[float] = deque(maxlen=_BURST)
        self._crowded_since = -math.inf
        self._after_burst: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._look_again = False
        self._draining_since: float | None = None
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; rows that a crash left half-way come first."""
        self._loop = asyncio.create_task(self._run(), name="dispatcher")

    @property
    def sending(self) -> Sequence[str]:
        """The ids of the rows that are on their way now."""
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
        """Finish what is being sent, until `grace` seconds after `drain`; what is cut off then is called unknown.

        A database that is away keeps nobody here: what cannot be written is found by the next process.
        """
        self.drain()
        assert self._draining_since is not None  # noqa: S101
        end = self._draining_since + grace
        if self._loop:
            await finish([self._loop], end)
        if cut_off := await finish([*self._running.values()], end):
            log.warning("delivery.cut_off", submissions=[task.get_name().split()[-1] for task in cut_off])

    def head_start(self, product: str) -> float:
        """Seconds for which an engine may leave a new row to `attempt`: none when that would not try it now."""
        return 0.0

    async def attempt(self, submission_id: str, product: str, wait: float) -> bool:
        """Try a row that was just accepted, and wait up to `wait` seconds for what becomes of it.

        False when it is not tried now, because no slot is free, a burst is coming in, or the product's rows are kept
        back: then there is no waiting, and the row's turn comes.
        """
        now = asyncio.get_running_loop().time()
        if not self._is_crowded(now):
            self._crowded_since = now
        self._arrivals.append(now)
        if not self._has_room(product):
            self._look_again = True
            if self._in_burst() and self._after_burst is None:
                self._after_burst = asyncio.get_running_loop().call_later(_BURST_WITHIN, self._look_after_burst)
            return False
        # A look at what is due may have come upon it first.
        task = self._running.get(submission_id) or self._begin(Due(submission_id, product))
        if wait > 0:
            await asyncio.wait({task}, timeout=wait)
        return True

    def why_kept_back(self, product: str) -> str | None:
        """Why the product's rows are not tried now; None when they are."""
        return self._delivery.gates[product].reason

    def _has_room(self, product: str) -> bool:
        busy = len(self._running) >= self._concurrency
        return not (self._draining or busy or self._in_burst() or product in self._delivery.kept_back())

    def _is_crowded(self, now: float) -> bool:
        return len(self._arrivals) == _BURST and now - self._arrivals[0] < _BURST_WITHIN

    def _in_burst(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._is_crowded(now) and now - self._crowded_since < _LONGEST_BURST

    def _look_after_burst(self) -> None:
        self._after_burst = None
        self._wake.set()

    def _slots(self) -> int:
        """How many rows may be on their way now."""
        return min(_MEANWHILE, self._concurrency) if self._in_burst() else self._concurrency

    def _begin(self, row: Due) -> asyncio.Task[None]:
        task = asyncio.create_task(self._advance(row), name=f"advance {row.id}")
        self._running[row.id] = task
        task.add_done_callback(lambda _: self._ended(row.id))
        return task

    def _ended(self, submission_id: str) -> None:
        self._running.pop(submission_id, None)
        if self._look_again:
            self._wake.set()

    async def _advance(self, row: Due) -> None:
        try:
            if await self._delivery.advance(*row) is not None:
                self._look_again = True
        except OutboxUnavailable as error:
            self._look_again = True
            self._outbox_is_away(error)
        except Exception:
            log.exception("delivery.failed", submission=row.id)  # its lease ends, then it is tried again

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_sweep = loop.time()
        while not self._draining:
            self._wake.clear()
            try:
                if loop.time() >= next_sweep:
                    await self._sweep()
                    next_sweep = loop.time() + self._sweep_every
                    await self._tidy()  # whose failing is no reason not to deliver
                away = self._away_until - loop.time()
                pause = away if away > 0 else min(await self._look(), max(0.0, next_sweep - loop.time()))
            except OutboxUnavailable as error:
                self._outbox_is_away(error)
                pause = _AFTER_TROUBLE
            except Exception:
                log.exception("delivery.failed")  # whatever it was, the rows wait for the next look
                pause = _AFTER_TROUBLE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    def _outbox_is_away(self, error: OutboxUnavailable) -> None:
        """Begin no row for a while: each would fail at once, and the next look would find it due again."""
        now = asyncio.get_running_loop().time()
        if now >= self._away_until:
            log.error("outbox.unavailable", reason=str(error))
            self._away_until = now + _AFTER_TROUBLE

    async def _sweep(self) -> None:
        """Deal with what somebody left half-way."""
        await self._delivery.recover(running=tuple(self._running))

    @abc.abstractmethod
    async def _look(self) -> float:
        """See to it that what is due is tried; in how many seconds to look again unless woken."""


async def finish(tasks: Sequence[asyncio.Task[None]], end: float) -> Sequence[asyncio.Task[None]]:
    """Wait for `tasks` until the loop's time is `end`, and a little longer for those that are cancelled then.

    Answers the cancelled ones.
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


class LocalDispatcher(Dispatcher):
    """For one process alone: the rows are the queue."""

    def __init__(self, outbox: Outbox, delivery: Delivery, **options: Any) -> None:
        super().__init__(outbox, delivery, **options)
        self._ready: deque[Due] = deque()

    async def _look(self) -> float:
        """Start what is due, as far as there are slots."""
        if len(self._running) >= self._slots():
            return self._put_off()
        shut = self._delivery.kept_back()
        if not self._ready:
            wanted = 4 * self._concurrency + len(self._running)
            rows = await self._outbox.due(wanted, shut)
            self._look_again = bool(shut) or len(rows) == wanted
            self._ready.extend(row for row in rows if row.id not in self._running)
        while self._ready and len(self._running) < self._slots():
            self._start_next()
        if self._ready:
            return self._put_off()
        due_in = await self._outbox.next_due_in(shut)
        waits = [self._sweep_every, *shut.values(), *([] if due_in is None else [due_in])]
        return max(_SHORTEST_PAUSE, min(waits))

    def _put_off(self) -> float:
        """Wait until a slot is free, or a burst is over."""
        self._look_again = True
        return _BURST_WITHIN if self._in_burst() else self._sweep_every

    def _start_next(self) -> None:
        row = self._ready.popleft()
        if row.id not in self._running:
            self._begin(row)


class NoDispatcher(Dispatcher):
    """For a process that leaves all delivery to others: it sweeps no rows and tries none."""

    def start(self) -> None:
        """Nothing begins."""

    def _has_room(self, product: str) -> bool:
        return False

    async def _look(self) -> float:
        raise NotImplementedError
