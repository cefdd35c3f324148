"""Puts all parts of the service together: `create_app(settings)` for the web, `working` for a worker."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from widget import __version__
from widget.abuse.bots import BotDefence
from widget.abuse.proof_of_work import Proofs
from widget.abuse.rate_limits import Limits, Rates
from widget.config import inventory, resources
from widget.config.settings import Settings
from widget.config.weaknesses import weaknesses
from widget.delivery.delivery import Delivery
from widget.delivery.dispatch import Dispatcher, LocalDispatcher, NoDispatcher
from widget.delivery.health import Health
from widget.delivery.heartbeat import Heartbeat
from widget.delivery.policy import Policy
from widget.errors import ConfigurationError
from widget.files.clamav import Scanner
from widget.files.pool import Examiner
from widget.files.protocol import Rules as FileRules
from widget.i18n.overrides import Wording, unspoken
from widget.insider.client import Insider
from widget.intake import body as intake
from widget.intake.acceptance import Acceptance, Identities
from widget.ops.alerts import Bounds
from widget.ops.courier import Courier, Destinations, EventWebhook, telling
from widget.ops.flushing import Flusher, flushing
from widget.ops.sessions import Sessions
from widget.outbox.backend import Backend
from widget.outbox.notices import Notices
from widget.outbox.opening import opened
from widget.outbox.outbox import Outbox
from widget.outbox.retention import Retention
from widget.outbox.sealing import Keyring
from widget.outbox.sqlite import SQLiteBackend
from widget.outbox.tally import Tally
from widget.pages.operator import OperatorPages
from widget.pages.pages import Pages
from widget.pages.templating import Templates
from widget.submissions import identity
from widget.submissions.fingerprint import Fingerprints
from widget.submissions.tokens import CLOCK_SKEW, Tokens
from widget.theming import themes
from widget.web.assets import CSS, Asset, StaticFiles, pack
from widget.web.counted import Counted
from widget.web.form_cache import CachedForms, FormCache
from widget.web.headers import Hardened
from widget.web.mounted import Mounted
from widget.web.problems import ERROR_HANDLERS, CutOff
from widget.web.routes import MONITORING, ROUTES
from widget.web.service import OpsService, Service

log = structlog.get_logger("widget.app")

_DAY = 86400.0
"""Seconds."""


def create_app(settings: Settings, address: str | None = None) -> Starlette:
    """The web application, which answers on `address`. Its parts are opened and closed by the lifespan. Raises
    ConfigurationError."""
    if any(product.identity for product in settings.products.values()):
        identity.prepare()
    web = _Web(settings, address)
    app = _Wrapped(web.around, routes=ROUTES, exception_handlers=dict(ERROR_HANDLERS), lifespan=web.lifespan)
    app.router.redirect_slashes = False  # it would send people to whatever host the request names
    return app


class _Web:
    """The parts of the web application. Those that have to be opened and closed exist during the `lifespan` only."""

    def __init__(self, settings: Settings, address: str | None) -> None:
        self._settings = settings
        self._address = address
        self._outbox = create_outbox(settings, role="web")
        self._static = StaticFiles(
            resources.path("static"), settings.custom / "static" / "products", reload=settings.reload
        )
        self._sheets = {
            slug: Asset(themes.stylesheet(each.theme).encode(), CSS) for slug, each in settings.products.items()
        }
        self._templates = Templates(
            resources.path("templates"),
            settings.custom / "templates" / "products",
            slugs=settings.products,
            static=self._static.url,
            reload=settings.reload,
        )
        self._pages = Pages(
            self._templates,
            sheet=self._static.sheet,
            max_pixels=settings.max_pixels,
            receipt_days=settings.receipt_days,
            retry_days=round(settings.retry_days),
        )
        self._tokens = Tokens(settings.keys, settings.token_max_age)
        self._forms = FormCache(self._pages, self._tokens, keep=not settings.reload)
        self._rates = Rates(limits_of(settings), settings.rate_limit_storage, settings.rate_limit_clients)
        self._bots = BotDefence(Proofs(settings.keys, settings.proof_cost), self._rates)
        self._identities = Identities(
            {slug: [key.get_secret_value() for key in keys] for slug, keys in settings.identity_keys.items()}
        )

    def around(self, app: ASGIApp) -> ASGIApp:
        """The layers around the routes, the outermost last."""
        tls = (self._settings.public_url or "").startswith("https://")
        cached = CachedForms(app, self._settings.products, self._forms, self._tokens, self._bots)
        hardened = Hardened(CutOff(cached), hsts=self._settings.hsts, tls=tls)
        counted = Counted(hardened, {route.path.split("/")[1] for route in ROUTES}, logged=self._settings.access_log)
        return Mounted(counted, self._settings.root, {route.path.split("/")[1] for route in ROUTES})

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Serve requests until the context is left."""
        try:
            async with self._serving() as app.state.service:
                _log_weaknesses(self._settings, self._templates)
                # Readiness does not wait for it; a file that is requested earlier is packed at once.
                files = [*self._static.assets, *self._sheets.values()]
                asyncio.get_running_loop().run_in_executor(None, pack, files)
                yield
        except ConfigurationError as error:
            app.state.problem = error  # for the command, which reports it; uvicorn would print a traceback
            raise
        except Exception:
            log.exception("widget.failed")
            raise
        finally:
            await self._rates.close()

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[Service]:
        """What the routes work with, with every part open."""
        settings, outbox = self._settings, self._outbox
        flusher = Flusher(outbox, "web")
        async with (
            examining(settings) as examiner,
            delivering(settings, outbox, flusher, deliver=settings.web_delivers, address=self._address) as (
                insider,
                dispatcher,
            ),
            watching(settings, outbox, insider, dispatcher) as health,
        ):
            yield Service(
                settings=settings,
                tokens=self._tokens,
                identities=self._identities,
                rates=self._rates,
                bots=self._bots,
                acceptance=self._acceptance(examiner, dispatcher),
                outbox=outbox,
                health=health,
                dispatcher=dispatcher,
                pages=self._pages,
                forms=self._forms,
                static=self._static,
                sheets=self._sheets,
                wording=Wording(settings.custom / "templates", settings.products),
                turns=intake.turns(),
                flusher=flusher,
                ops=create_ops(settings, self._static),
            )

    def _acceptance(self, examiner: Examiner, dispatcher: Dispatcher) -> Acceptance:
        settings = self._settings
        return Acceptance(
            tokens=self._tokens,
            fingerprints=Fingerprints(settings.keys),
            identities=self._identities,
            rates=self._rates,
            examiner=examiner,
            bots=self._bots,
            outbox=self._outbox,
            dispatcher=dispatcher,
            min_fill_time=settings.min_fill_time,
            delivery_wait=settings.delivery_wait,
        )


def create_ops(settings: Settings, static: StaticFiles) -> OpsService | None:
    """What `/ops` needs, if there is an `OPS_TOKEN`."""
    if settings.ops_token is None:
        return None
    sessions = Sessions(settings.keys, settings.ops_token.get_secret_value(), settings.ops_session)
    return OpsService(sessions, OperatorPages(resources.path("templates"), static.url))


class _Wrapped(Starlette):
    """An application with a layer around everything, including Starlette's own error handler."""

    def __init__(self, around: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        self._around = around
        super().__init__(**options)

    def build_middleware_stack(self) -> ASGIApp:
        return self._around(super().build_middleware_stack())


def _log_weaknesses(settings: Settings, templates: Templates) -> None:
    """Log what works, but not well: broken themes and templates, which ours replace, unused words, weak colours."""
    for problem in weaknesses(settings):
        log.warning("settings.weak", setting=problem.name, reason=problem.message)
    for problem in settings.unusable_themes:
        log.error("theme.unusable", where=problem.name, problem=problem.message)
    for slug, product in settings.products.items():
        for problem in templates.problems(slug):
            log.error("template.failed", product=slug, at=problem.name, reason=problem.message)
        for reason in unspoken(product):
            log.warning("wording.unusable", where=f"products.{slug}", problem=reason)
        for shortfall in themes.shortfalls(product.theme):
            log.warning("theme.contrast", product=slug, reason=str(shortfall))


@contextlib.asynccontextmanager
async def watching(
    settings: Settings, outbox: Outbox, insider: Insider, dispatcher: Dispatcher
) -> AsyncIterator[Health]:
    """The answer of `/readyz`, kept up to date until the context is left."""
    health = Health(
        outbox,
        insider,
        dispatcher,
        settings.products,
        database_every=settings.health_interval,
        accounts_every=settings.probe_interval,
        scanner=Scanner(settings.clamd) if settings.clamd else None,
    )
    task = asyncio.create_task(health.watch(), name="health")
    try:
        yield health
    finally:
        task.cancel()
        await asyncio.wait({task})


@contextlib.asynccontextmanager
async def delivering(
    settings: Settings, outbox: Outbox, flusher: Flusher, *, deliver: bool, address: str | None
) -> AsyncIterator[tuple[Insider, Dispatcher]]:
    """Keep the outbox open and, if `deliver`, deliver its rows, until the context is left. The log names the `address`
    that the process answers on."""
    insider = Insider(
        settings.insider_url,
        settings.accounts,
        timeout=settings.delivery_timeout,
    )
    delivery = Delivery(
        outbox,
        insider,
        settings.products,
        policy_of(settings),
        probe_every=settings.probe_interval,
        scanner=Scanner(settings.clamd) if settings.clamd else None,
        scan_timeout=settings.clamd_timeout,
    )
    heartbeat = Heartbeat(settings.heartbeat_url)
    dispatcher = create_dispatcher(settings, outbox, delivery, heartbeat, deliver=deliver)

    async def begin() -> None:
        await outbox.open()
        if outbox.backend.alone:
            await delivery.recover(everything=True)
            await Notices(outbox.backend).end_claims()
        dispatcher.start()
        log.info(
            "widget.started",
            version=__version__,
            products=sorted(settings.products),
            delivers=deliver,
            address=address,
            database=inventory.database(settings),
            insider_connect=settings.insider_url,
        )

    try:
        async with flushing(flusher):
            async with opened(begin), telling(create_courier(settings, outbox)):
                yield insider, dispatcher
            await dispatcher.stop(settings.shutdown_grace)
    finally:
        await heartbeat.close()
        await insider.close()
        await outbox.close()
        log.info("widget.stopped")


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


@contextlib.asynccontextmanager
async def monitoring(worker: Worker) -> AsyncIterator[Starlette]:
    """The web application of a process that only delivers: its health, for monitors."""
    async with watching(worker.settings, worker.outbox, worker.insider, worker.dispatcher) as health:
        app = Starlette(routes=MONITORING)
        app.state.service = Monitored(worker.settings, worker.outbox, health)
        yield app


def create_courier(settings: Settings, outbox: Outbox) -> Courier:
    """Who tells others what needs a person, and products' own systems what became of a submission."""
    event_webhooks = {
        slug: EventWebhook(product.events.url, [each.get_secret_value() for each in settings.event_secrets[slug]])
        for slug, product in settings.products.items()
        if product.events
    }
    to = Destinations(
        webhook=settings.alert_webhook.get_secret_value() if settings.alert_webhook else None,
        shape=settings.alert_format,
        mail_to=settings.alert_email,
        mail_from=settings.alert_from,
        smtp=settings.smtp_url.get_secret_value() if settings.smtp_url else None,
        event_webhooks=event_webhooks,
        receipt=Tokens(settings.keys, settings.token_max_age).receipt,
    )
    bounds = Bounds(
        oldest=settings.alert_oldest,
        account_after=settings.alert_account_after,
        disk=settings.alert_disk,
        pending=settings.pending_bytes,
    )
    return Courier(outbox, to, bounds, policy_of(settings), settings.sweep_interval)


def create_outbox(
    settings: Settings, connect_timeout: int = 5, role: str = "command", *, make_folder: bool = False
) -> Outbox:
    """The outbox on the database that the settings name. Its host may take `connect_timeout` seconds to answer.

    `role` is web, worker or command; PostgreSQL shows it as the name of the connections.
    With `make_folder` the folder of an SQLite file is created. So is that of a relative path. Any other may be a volume
    that is not mounted.
    """
    backend: Backend
    keyring = Keyring(settings.data_keys)
    if settings.sqlite_path:
        make_folder = make_folder or not settings.sqlite_path.is_absolute()
        backend = SQLiteBackend(settings.sqlite_path, keyring=keyring, make_folder=make_folder)
    else:
        from widget.outbox.postgres import PostgresBackend  # its driver is optional, and takes time to load

        backend = PostgresBackend(
            settings.database_url,
            connections=settings.database_connections,
            keyring=keyring,
            connect_timeout=connect_timeout,
            name=f"widget {role}",
            spool=settings.spool or Path(tempfile.gettempdir()) / f"widget-{os.getuid()}",
        )
    return Outbox(
        backend,
        lease=settings.lease,
        max_pending=settings.pending_bytes,
        max_quarantine=settings.quarantine_bytes,
        share=len(settings.products) > 1,
        keep_context=settings.context_days > 0,
        events=[slug for slug, product in settings.products.items() if product.events],
    )


def create_dispatcher(
    settings: Settings, outbox: Outbox, delivery: Delivery, heartbeat: Heartbeat, *, deliver: bool
) -> Dispatcher:
    """Decides when rows are tried: in a process alone, in one of several, or, without `deliver`, not in this one."""
    retention = create_retention(settings, outbox)
    tally = Tally(outbox.backend)

    async def tidy() -> None:
        await retention.sweep()
        await tally.tidy()
        if not any(gate.shut for gate in delivery.gates.values()):
            heartbeat.beat()

    options: dict[str, Any] = {
        "concurrency": settings.delivery_concurrency,
        "sweep_every": settings.sweep_interval,
        "tidy": tidy,
    }
    if not deliver:
        return NoDispatcher(outbox, delivery, **options)
    if settings.sqlite_path:
        return LocalDispatcher(outbox, delivery, **options)
    from widget.delivery.procrastinate import ProcrastinateDispatcher  # as above

    url = settings.database_direct_url or settings.database_url
    return ProcrastinateDispatcher(outbox, delivery, url=url, name=outbox.backend.name, **options)


def create_retention(settings: Settings, outbox: Outbox) -> Retention:
    """What is erased from the outbox, and when."""
    return Retention(
        outbox.backend,
        kept=settings.retention_days * _DAY,
        receipts=settings.receipt_days * _DAY,
        tokens=settings.token_max_age + 2 * CLOCK_SKEW + identity.LONGEST,  # then no identity is believed twice either
        contexts=settings.context_days * _DAY,
        held_files=settings.held_files_days * _DAY,
        max_quarantine=settings.quarantine_bytes,
    )


@contextlib.asynccontextmanager
async def examining(settings: Settings) -> AsyncIterator[Examiner]:
    """The processes that check files, by the rules of the settings, until the context is left."""
    rules = FileRules(
        max_pixels=settings.max_pixels,
        encrypted_pdf=settings.pdf_encrypted == "pass",
        active=settings.pdf_active_content,
        embedded=settings.pdf_embedded_files,
    )
    examiner = Examiner(
        rules,
        processes=settings.file_checkers,
        timeout=settings.file_check_timeout,
        patience=settings.file_check_wait,
    )
    try:
        yield examiner
    finally:
        await examiner.close()


def limits_of(settings: Settings) -> Limits:
    """The rates that the settings allow."""
    return Limits(
        client=settings.rate_limit,
        network=settings.rate_limit_network,
        unmarked=settings.rate_limit_unmarked,
        total=settings.rate_limit_total,
        surge=settings.proof_surge,
    )


def policy_of(settings: Settings) -> Policy:
    """The retry policy that the settings describe."""
    return Policy(
        retry_min=settings.retry_min,
        retry_max=settings.retry_max,
        give_up_after=settings.retry_days * _DAY,
        unknown_hold=settings.unknown_hold if settings.unknown_policy == "retry" else None,
    )
