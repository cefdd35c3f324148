"""The parts that answer requests, and what every route reads from a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from widget.abuse.bots import BotDefence
from widget.abuse.rate_limits import Rates
from widget.config.products import Product
from widget.config.settings import Settings
from widget.delivery.dispatch import Dispatcher
from widget.delivery.health import Health
from widget.errors import Fault, Rejected
from widget.i18n import messages
from widget.i18n.messages import Words
from widget.i18n.overrides import Wording
from widget.intake.acceptance import Acceptance, Identities
from widget.intake.room import Room
from widget.intake.turns import Turns
from widget.ops.flushing import Flusher
from widget.ops.sessions import Sessions, Throttle
from widget.outbox.outbox import Outbox
from widget.pages.pages import Pages
from widget.pages.state import Looks
from widget.submissions.tokens import Tokens
from widget.web.assets import Asset, StaticFiles
from widget.web.form_cache import FormCache
from widget.web.rotation import Rotation


@dataclass(frozen=True, slots=True)
class OpsService:
    """What the operator's pages need. `render` makes one from the name of its template and values."""

    sessions: Sessions
    render: Callable[..., str]


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that answer requests. `sheets` are the products' themes, and `throttle` counts operators' mistakes."""

    settings: Settings
    tokens: Tokens
    identities: Identities
    rates: Rates
    bots: BotDefence
    acceptance: Acceptance
    outbox: Outbox
    health: Health
    dispatcher: Dispatcher
    pages: Pages
    forms: FormCache
    static: StaticFiles
    sheets: Mapping[str, Asset]
    wording: Wording
    rotation: Rotation
    turns: Turns
    room: Room
    flusher: Flusher
    ops: OpsService | None = None
    """What `/ops` needs; None without `OPS_TOKEN`."""
    throttle: Throttle = field(default_factory=Throttle)


def service_of(request: Request) -> Service:
    """The parts."""
    service: Service = request.app.state.service
    return service


def product_of(request: Request) -> Product:
    """The product that the address names. Raises Rejected."""
    product = service_of(request).settings.products.get(request.path_params["product"])
    if product is None:
        raise Rejected(Fault("product_unknown"))
    return product


def words_of(request: Request, product: str = "") -> Words:
    """The words in the request's language, with the product's own texts."""
    chosen = messages.choose(request.query_params.get("lang"), request.headers.get("accept-language", ""))
    return service_of(request).wording.of(product, chosen)


def looks_of(request: Request) -> Looks:
    """How the page should look."""
    query = request.query_params
    return Looks(query.get("theme", "auto"), query.get("mode", "page"), query.get("test") == "1")


def wants_json(request: Request) -> bool:
    """Whether a program asks, rather than a browser that shows a page."""
    return "application/json" in request.headers.get("accept", "")
