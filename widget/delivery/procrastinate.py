"""Delivery by any number of processes on any machines. Procrastinate assigns rows to them.

A job is deferred in the transaction that stores a row, and a notification wakes the listeners. Only the row knows when
it is due later: at that time, the loop of each process defers a job for it. With every sweep, it defers one for each
due row that has none. So losing all jobs loses nothing.
"""

import asyncio
import contextlib
import logging
from typing import Any

import procrastinate
import structlog
from procrastinate.jobs import Status

from widget.delivery.delivery import Delivery
from widget.delivery.dispatch import Dispatcher, finish
from widget.errors import OutboxUnavailable
from widget.outbox.connections import CONNECTING, EngineConnection
from widget.outbox.jobs import QUEUE, TASK
from widget.outbox.model import Due
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.delivery.procrastinate")

_HEAD_START = 1.0
"""Seconds. A web process claims the row that it accepted within a few milliseconds."""
_LOOK_EVERY = 1.0
"""Seconds between two looks while all due rows have jobs already."""
_SOON = 0.05
"""Seconds until the next look after one that found more rows than it may defer jobs for at once."""
_STALLED_AFTER = 60.0
"""Seconds without a heartbeat after which the engine's record of a worker, with its jobs, is removed."""
_PATIENCE = 5.0
"""Seconds that the engine waits for a connection before it counts as lost."""
_LEAVING = 1.0
"""Seconds that the engine may take to stop."""
_ENGINE_CONNECTIONS = 2
"""In addition to the one that listens."""


class ProcrastinateDispatcher(Dispatcher):
    """For one of several processes. `url` leads to PostgreSQL itself, not to a pooler: notifications need a session.
    The server shows `name` for its connections."""

    def __init__(self, outbox: Outbox, delivery: Delivery, *, url: str, name: str, **options: Any) -> None:
        super().__init__(outbox, delivery, **options)
        connector = procrastinate.PsycopgConnector(
            conninfo=url.replace("postgresql+psycopg://", "postgresql://", 1),
            kwargs=CONNECTING | {"application_name": f"{name} queue"},
            connection_class=EngineConnection,
            min_size=1,
            max_size=_ENGINE_CONNECTIONS,
            timeout=_PATIENCE,
        )
        self._engine = procrastinate.App(connector=connector)
        self._engine.task(name=TASK, queue=QUEUE)(self._take)
        self._worker: asyncio.Task[None] | None = None
        for noisy in ("procrastinate", "psycopg.pool"):  # `_work` logs what matters as an event
            logging.getLogger(noisy).setLevel(logging.CRITICAL)

    def start(self) -> None:
        """Begin to sweep and to listen."""
        super().start()
        asyncio.get_running_loop().set_exception_handler(_note)
        self._worker = asyncio.create_task(self._work(), name="worker")

    def drain(self) -> None:
        """Take no new jobs from now on."""
        super().drain()
        if self._worker:
            self._worker.cancel()

    async def stop(self, grace: float) -> None:
        """Finish the deliveries in progress, then leave the engine."""
        await super().stop(grace)
        if self._worker:
            self._worker.cancel()  # once more: the engine may have taken the first cancellation for its own
            await finish([self._worker], asyncio.get_running_loop().time() + _LEAVING)

    def head_start(self, product: str) -> float:
        """If a row is to be tried here at once, the engine's job runs a little later."""
        return _HEAD_START if self._has_room(product) else 0.0

    async def _take(self, submission_id: str, product: str | None = None) -> None:
        """The engine's task: try a row in one of our slots. When it ends is not up to the engine.

        A job that an earlier release deferred has no product; then the row tells which.
        """
        if product is None:
            status = await self._outbox.status(submission_id)
            if status is None:
                return
            product = status.product
        while len(self._running) >= self._concurrency:
            await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
        if submission_id not in self._running and not self._draining:
            await asyncio.shield(self._begin(Due(submission_id, product)))

    async def _work(self) -> None:
        """Run the engine's worker, and restart it whenever it stops because the database was unavailable."""
        while not self._draining:
            try:
                async with self._engine.open_async():
                    log.info("engine.listening")
                    await self._engine.run_worker_async(
                        queues=[QUEUE],
                        concurrency=self._concurrency,
                        delete_jobs="always",
                        fetch_job_polling_interval=min(5.0, self._sweep_every),
                        shutdown_graceful_timeout=0,  # `stop` waits for the rows; their jobs do not matter
                        stalled_worker_timeout=_STALLED_AFTER,
                        install_signal_handlers=False,
                    )
                reason = "stopped"
            except Exception as error:
                reason = _reason(error)
            log.warning("engine.lost", reason=reason)
            await self._until_database_answers()

    async def _until_database_answers(self) -> None:
        """Wait for the database. The engine's own pool would wait longer between its attempts."""
        while not self._draining:
            await asyncio.sleep(1)
            with contextlib.suppress(OutboxUnavailable):
                await self._outbox.next_due_in()
                return

    async def _sweep(self) -> None:
        await super()._sweep()
        manager = self._engine.job_manager
        with contextlib.suppress(Exception):  # only tidiness: no row depends on it
            await manager.prune_stalled_workers(_STALLED_AFTER)
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_AFTER):
                await manager.finish_job(job, Status.FAILED, delete_job=True)

    async def _look(self) -> float:
        """Defer a job for each due row that has none."""
        shut = self._delivery.kept_back()
        limit = 4 * self._concurrency
        self._look_again = bool(shut)
        deferred = await self._outbox.enqueue_due(limit, shut)
        if deferred == limit:
            return _SOON
        due_in = await self._outbox.next_due_in(shut)
        waits = [self._sweep_every, *shut.values(), *([] if due_in is None else [due_in])]
        return max(_LOOK_EVERY, min(waits))


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task of the engine failed: its job was deleted, or the database is unavailable. The row tells what to do."""
    error = context.get("exception")
    log.warning("engine.task_failed", reason=_reason(error) if error else context["message"])


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return next(iter(str(cause).splitlines()), "") or type(cause).__name__
