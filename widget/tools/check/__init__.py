"""Everything that can be told before people meet it: the configuration, and every product's pages in every state.

Each kind of look is a module of its own, and a function from values to findings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from widget.app import create_outbox
from widget.config import resources
from widget.config.inventory import in_force
from widget.config.loading import load, load_products, places
from widget.config.products import Product
from widget.config.sentences import suggestion
from widget.errors import ConfigurationError, WidgetError
from widget.i18n import messages as words
from widget.tools.check import product as products
from widget.tools.check import service
from widget.tools.check import strict as strictly
from widget.tools.findings import Report, Section
from widget.tools.offline import OfflineRenderer
from widget.web import pinned


class UnknownProduct(WidgetError):
    """The one product that is to be looked at does not exist. The message names one that does."""


async def run(
    environ: Mapping[str, str], *, only: str | None = None, online: bool = True, strict: bool = False
) -> Report:
    """Look at everything that `environ` names; with `only`, at one product's pages alone; with `strict`, also for what
    works but could be shut. Raises UnknownProduct."""
    try:
        settings = load(environ)
    except ConfigurationError as error:
        return Report((Section("Service", (service.check_settings(error),)), *_readable(environ, only)))
    checks = [
        service.check_origins(settings, strict=strict),
        service.check_folder(settings),
    ]
    if strict:
        checks.append(strictly.check(settings, environ))
    if online:
        checks.append(await service.check_credentials(settings))
        checks += await service.check_helpers(settings)
    checks.append(await service.check_database(settings, create_outbox(settings, connect_timeout=2)))
    pages = check_products(_only(settings.products, only), settings.custom, settings.widget_config)
    tag = pinned.tag(resources.content(resources.path("static") / "embed.js"), settings.public_url or "")
    return Report((Section("Service", tuple(checks)), *pages), tuple(in_force(environ, settings)), tag)


def check_products(
    found: Mapping[str, Product], custom: Path, config: Path, languages: Sequence[str] | None = None
) -> tuple[Section, ...]:
    """The products' looks, templates and pages; in all languages unless some are named."""
    renderer = OfflineRenderer(found, custom)
    return tuple(
        products.check(product, renderer, languages or words.languages(), config) for product in found.values()
    )


def _readable(environ: Mapping[str, str], only: str | None) -> tuple[Section, ...]:
    """The products, where only something else is wrong."""
    config, custom = places(environ)
    try:
        return check_products(_only(load_products(config), only), custom, config)
    except ConfigurationError:
        return ()


def _only(found: Mapping[str, Product], slug: str | None) -> Mapping[str, Product]:
    """The product that is asked for, or all of them. Raises UnknownProduct."""
    if slug is None:
        return found
    if slug not in found:
        raise UnknownProduct(f"there is no product {slug!r} in widget.toml{suggestion(slug, list(found))}")
    return {slug: found[slug]}
