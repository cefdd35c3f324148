"""`create_app(settings)`: the one place that knows everybody."""

import contextlib
from collections.abc import AsyncIterator

import structlog
from starlette.applications import Starlette

from widget import __version__, resources, themes
from widget.delivery import Delivery, LocalDispatcher, Policy
from widget.errors import ConfigurationError, Problem
from widget.insider import Insider
from widget.outbox import Outbox
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
        insider = Insider(
            settings.insider_url,
            settings.accounts,
            timeout=settings.delivery_timeout,
            connections=settings.delivery_concurrency,
        )
        delivery = Delivery(
            outbox, insider, settings.products, policy_of(settings), probe_every=settings.probe_interval
        )
        dispatcher = LocalDispatcher(
            outbox, delivery, concurrency=settings.delivery_concurrency, sweep_every=settings.sweep_interval
        )
        try:
            await outbox.open()
            await delivery.recover(everything=True)
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
            dispatcher.start()
            log.info("widget.started", version=__version__, products=sorted(settings.products))
            yield
            await dispatcher.stop(settings.shutdown_grace)
        except ConfigurationError as error:
            app.state.problem = error  # for whoever started us: a server would show a traceback
            raise
        except Exception:
            log.exception("widget.failed")
            raise
        finally:
            await insider.close()
            await outbox.close()
            log.info("widget.stopped")

    return Starlette(routes=ROUTES, exception_handlers=dict(ERROR_HANDLERS), lifespan=lifespan)


def _name_weaknesses(settings: Settings, templates: Templates) -> None:
    """What works, but not well: broken templates, for which ours stand in, and colours that are hard to read."""
    for slug, product in settings.products.items():
        for problem in templates.problems(slug):
            log.error("template.failed", product=slug, at=problem.name, reason=problem.message)
        for shortfall in themes.shortfalls(product.theme):
            log.warning("theme.contrast", product=slug, reason=str(shortfall))


def create_outbox(settings: Settings) -> Outbox:
    """The outbox on the database that the settings name."""
    if settings.sqlite_path is None:
        raise ConfigurationError(
            [Problem("DATABASE_URL", "this release keeps its outbox on SQLite alone: give sqlite:///PATH")]
        )
    return Outbox(SQLiteBackend(settings.sqlite_path))


def policy_of(settings: Settings) -> Policy:
    """When to try again."""
    return Policy(
        retry_min=settings.retry_min,
        retry_max=settings.retry_max,
        give_up_after=settings.retry_days * 86400,
        unknown_hold=settings.unknown_hold if settings.unknown_policy == "retry" else None,
    )
