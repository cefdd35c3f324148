"""A process that only delivers, and its small web application for monitors."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.types import ASGIApp

from widget.app.delivery import delivering, watching
from widget.app.outbox import create_outbox
from widget.config.settings import Settings
from widget.delivery.dispatch import Dispatcher
from widget.delivery.health import Health
from widget.insider.client import Insider
from widget.ops.flushing import Flusher
from widget.ops.sessions import Throttle
from widget.outbox.outbox import Outbox
from widget.web.headers import Hardened
from widget.web.routes import MONITORING


@dataclass(frozen=True, slots=True)
class Worker:
    """The parts of a process that only delivers."""

    settings: Settings
    outbox: Outbox
    insider: Insider
    dispatcher: Dispatcher


@contextlib.asynccontextmanager
async def working(settings: Settings, address: str | None) -> AsyncIterator[Worker]:
    """Deliver without the web part until the context is left. Raises ConfigurationError."""
    outbox = create_outbox(settings, role="worker")
    async with delivering(settings, outbox, Flusher(outbox, "worker"), deliver=True, address=address) as (
        insider,
        dispatcher,
    ):
        yield Worker(settings, outbox, insider, dispatcher)


@dataclass(frozen=True, slots=True)
class Monitored:
    """What the routes for monitors need."""

    settings: Settings
    outbox: Outbox
    health: Health
    throttle: Throttle = field(default_factory=Throttle)


@contextlib.asynccontextmanager
async def monitoring(worker: Worker) -> AsyncIterator[ASGIApp]:
    """The web application of a process that only delivers: its health, for monitors."""
    async with watching(worker.settings, worker.outbox, worker.insider, worker.dispatcher) as health:
        app = Starlette(routes=MONITORING)
        app.router.redirect_slashes = False  # it would redirect to whatever host the request names
        app.state.service = Monitored(worker.settings, worker.outbox, health)
        yield Hardened(app, seconds=worker.settings.hsts, tls=False)
