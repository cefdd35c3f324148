"""The web application: `create_app(settings)`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from widget.abuse.bots import BotDefence
from widget.abuse.proof_of_work import Proofs
from widget.abuse.rate_limits import Limits, Rates
from widget.app.delivery import delivering, watching
from widget.app.outbox import create_outbox
from widget.config import resources
from widget.config.settings import Settings
from widget.config.weaknesses import weaknesses
from widget.delivery.dispatch import Dispatcher
from widget.errors import ConfigurationError
from widget.files.pool import Examiner
from widget.files.protocol import Rules as FileRules
from widget.i18n.overrides import Wording, unspoken
from widget.intake import body as intake
from widget.intake.acceptance import Acceptance, Identities
from widget.ops.flushing import Flusher
from widget.ops.sessions import Sessions
from widget.pages import own
from widget.pages.addresses import public
from widget.pages.pages import Pages
from widget.pages.templating import Templates
from widget.submissions import identity
from widget.submissions.fingerprint import Fingerprints
from widget.submissions.tokens import Tokens
from widget.theming import themes
from widget.web.assets import CSS, Asset, StaticFiles, pack
from widget.web.counted import Counted
from widget.web.form_cache import CachedForms, FormCache
from widget.web.headers import Hardened
from widget.web.mounted import Mounted
from widget.web.problems import ERROR_HANDLERS, CutOff
from widget.web.rotation import InTurn, Rotation
from widget.web.routes import ROUTES
from widget.web.service import OpsService, Service

log = structlog.get_logger("widget.app")


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
        self._rotation = Rotation()
        self._forms = FormCache(self._pages, self._tokens, keep=not settings.reload)
        self._rates = Rates(limits_of(settings), settings.rate_limit_storage, settings.rate_limit_clients)
        self._bots = BotDefence(Proofs(settings.keys, settings.proof_cost), self._rates)
        self._identities = Identities(
            {slug: [key.get_secret_value() for key in keys] for slug, keys in settings.identity_keys.items()}
        )

    def around(self, app: ASGIApp) -> ASGIApp:
        """The layers around the routes, the outermost last."""
        in_turn = InTurn(app, self._rotation)
        cached = CachedForms(in_turn, self._settings.products, self._forms, self._tokens, self._bots)
        hardened = Hardened(CutOff(cached), seconds=self._settings.hsts, tls=self._settings.only_tls)
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
                rotation=self._rotation,
                turns=intake.Turns(),
                room=intake.Room(settings.pending_bytes, "PENDING_BYTES"),
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


def create_ops(settings: Settings, static: StaticFiles) -> OpsService | None:
    """What `/ops` needs, if there is an `OPS_TOKEN`."""
    if settings.ops_token is None:
        return None
    sessions = Sessions(settings.keys, settings.ops_token.get_secret_value(), settings.ops_session)
    return OpsService(sessions, own.renderer("ops", static=static.url, public=public, csrf="", place=""))


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
