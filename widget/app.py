"""`create_app(settings)`: the one place that knows everybody."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from starlette.applications import Starlette

from widget import __version__, resources, themes
from widget.delivery import Delivery, Policy
from widget.dispatch import Dispatcher, LocalDispatcher, NoDispatcher
from widget.errors import ConfigurationError
from widget.insider import Insider
from widget.outbox import Outbox
from widget.outbox.backend import Backend
from widget.outbox.sqlite import SQLiteBackend
from widget.pages import Pages
from widget.rates import Rates
from widget.routes import ERROR_HANDLERS, ROUTES, Service
from widget.settings import Settings
from widget.static_files import StaticFiles
from widget.templating import Templates
from widget.tokens import Tokens
from widget.wording import Wording

log = structlog.get_logger("widget.app")


def create_app(settings: Settings) -> Starlette:
    """The web application. Its parts are opened and closed by the lifespan. Raises ConfigurationError."""
    outbox = create_outbox(settings)
    static = StaticFiles(resources.path("static"), settings.custom / "static" / "products", reload=settings.reload)
    templates = Templates(
        resources.path("templates"),
        settings.custom / "templates" / "products",
        slugs=settings.products,
        static=static.url,
        reload=settings.reload,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with delivering(settings, outbox, deliver=settings.web_delivers) as (insider, dispatcher):
                app.state.service = Service(
                    settings=settings,
                    tokens=Tokens(settings.keys, settings.token_max_age),
                    rates=Rates(settings.rate_limit, settings.rate_limit_storage),
                    outbox=outbox,
                    insider=insider,
                    dispatcher=dispatcher,
                    pages=Pages(
                        templates,
                        sheet=static.sheet,
                        receipt_days=settings.receipt_days,
                        retry_days=round(settings.retry_days),
                    ),
                    static=static,
                    wording=Wording(settings.custom / "templates", settings.products),
                )
                _name_weaknesses(settings, templates)
                yield
        except ConfigurationError as error:
            app.state.problem = error  # for whoever started us: a server would show a traceback
            raise
        except Exception:
            log.exception("widget.failed")
            raise

    return Starlette(routes=ROUTES, exception_handlers=dict(ERROR_HANDLERS), lifespan=lifespan)


def _name_weaknesses(settings: Settings, templates: Templates) -> None:
    """What works, but not well: broken templates, for which ours stand in, and colours that are hard to read."""
    for slug, product in settings.products.items():
        for problem in templates.problems(slug):
            log.error("template.failed", product=slug, at=problem.name, reason=problem.message)
        for shortfall in themes.shortfalls(product.theme):
            log.warning("theme.contrast", product=slug, reason=str(shortfall))


@contextlib.asynccontextmanager
async def delivering(settings: Settings, outbox: Outbox, *, deliver: bool) -> AsyncIterator[tuple[Insider, Dispatcher]]:
    """The outbox open and, if `deliver`, its rows on their way to Insider Connect, until the context is left."""
    insider = Insider(
        settings.insider_url,
        settings.accounts,
        timeout=settings.delivery_timeout,
        connections=settings.delivery_concurrency,
    )
    delivery = Delivery(outbox, insider, settings.products, policy_of(settings), probe_every=settings.probe_interval)
    dispatcher = create_dispatcher(settings, outbox, delivery, deliver=deliver)
    try:
        await outbox.open()
        if outbox.backend.alone:
            await delivery.recover(everything=True)
        dispatcher.start()
        log.info("widget.started", version=__version__, products=sorted(settings.products), delivers=deliver)
        yield insider, dispatcher
        await dispatcher.stop(settings.shutdown_grace)
    finally:
        await insider.close()
        await outbox.close()
        log.info("widget.stopped")


async def deliver_until(stopping: asyncio.Event, settings: Settings) -> None:
    """Deliver without the web part. Raises ConfigurationError."""
    async with delivering(settings, create_outbox(settings), deliver=True):
        await stopping.wait()


def create_outbox(settings: Settings) -> Outbox:
    """The outbox on the database that the settings name."""
    backend: Backend
    if settings.sqlite_path:
        backend = SQLiteBackend(settings.sqlite_path)
    else:
        from widget.outbox.postgres import PostgresBackend  # its driver is an extra, and takes time to load

        backend = PostgresBackend(
            settings.database_url,
            connections=settings.database_connections,
            spool=settings.spool or Path(tempfile.gettempdir()) / f"widget-{os.getuid()}",
        )
    return Outbox(backend, lease=settings.lease, max_pending=settings.pending_bytes)


def create_dispatcher(settings: Settings, outbox: Outbox, delivery: Delivery, *, deliver: bool) -> Dispatcher:
    """Who calls `advance`: one for a process alone, or one of several, or nobody here."""
    concurrency, sweep_every = settings.delivery_concurrency, settings.sweep_interval
    if not deliver:
        return NoDispatcher(outbox, delivery, concurrency=concurrency, sweep_every=sweep_every)
    if settings.sqlite_path:
        return LocalDispatcher(outbox, delivery, concurrency=concurrency, sweep_every=sweep_every)
    from widget.workers import ProcrastinateDispatcher  # as above

    url = settings.database_direct_url or settings.database_url
    return ProcrastinateDispatcher(outbox, delivery, concurrency=concurrency, sweep_every=sweep_every, url=url)


def policy_of(settings: Settings) -> Policy:
    """When to try again."""
    return Policy(
        retry_min=settings.retry_min,
        retry_max=settings.retry_max,
        give_up_after=settings.retry_days * 86400,
        unknown_hold=settings.unknown_hold if settings.unknown_policy == "retry" else None,
    )
