"""Delivery by any number of processes on any machines. Procrastinate wakes them.

A job says that rows are due, and not which. Whoever takes it claims due rows until none are left, and announces another
job while there are more rows than it has free slots for, so that the next process joins in. At most one job waits. Only
the rows know when they are due later: then the loop of each process wakes by itself, as it does to sweep. So losing all
jobs loses nothing.
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
from widget.outbox.jobs import EARLIER_QUEUE, EARLIER_TASK, QUEUE, TASK
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.delivery.procrastinate")

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

    _shortest_pause = 1.0  # what is due and was not claimed is about to be claimed by another process

    def __init__(self, outbox: Outbox, delivery: Delivery, *, url: str, name: str, **options: Any) -> None:
        super().__init__(outbox, delivery, **options)
        connector = procrastinate.PsycopgConnector(
            conninfo=url,
            kwargs=CONNECTING | {"application_name": f"{name} queue"},
            connection_class=EngineConnection,
            min_size=1,
            max_size=_ENGINE_CONNECTIONS,
            timeout=_PATIENCE,
        )
        self._engine = procrastinate.App(connector=connector)
        self._engine.task(name=TASK, queue=QUEUE)(self._drain_rows)
        self._engine.task(name=EARLIER_TASK, queue=EARLIER_QUEUE)(self._drain_rows)
        self._worker: asyncio.Task[None] | None = None
        self._has_found_all = asyncio.Event()
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
        self._has_found_all.set()
        if self._worker:
            self._worker.cancel()

    async def stop(self, grace: float) -> None:
        """Finish the deliveries in progress, then leave the engine."""
        await super().stop(grace)
        if self._worker:
            self._worker.cancel()  # once more: the engine may have taken the first cancellation for its own
            await finish([self._worker], asyncio.get_running_loop().time() + _LEAVING)

    async def _drain_rows(self, **_: object) -> None:
        """The engine's task: go on until a look finds fewer rows than there are free slots. Which row the job of an
        earlier release is about does not matter."""
        self._has_found_all.clear()
        if len(self._running) >= self._slots():
            self._announcer.announce()  # somebody else may have room
        self._look_again = True
        self._wake.set()
        await self._has_found_all.wait()

    async def _found_all(self, free: int) -> float:
        self._has_found_all.set()
        return await super()._found_all(free)

    async def _work(self) -> None:
        """Run the engine's worker, and restart it whenever it stops because the database was unavailable."""
        while not self._draining:
            try:
                async with self._engine.open_async():
                    log.info("engine.listening")
                    await self._engine.run_worker_async(
                        queues=[QUEUE, EARLIER_QUEUE],
                        concurrency=1,  # the rows have slots of their own
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


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task of the engine failed: its job was deleted, or the database is unavailable. The row tells what to do."""
    error = context.get("exception")
    log.warning("engine.task_failed", reason=_reason(error) if error else context["message"])


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return next(iter(str(cause).splitlines()), "") or type(cause).__name__
