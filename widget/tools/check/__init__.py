"""Everything that can be told before people meet it: the configuration, and every product's pages in every state.

Each kind of look is a module of its own, and a function from values to findings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from widget.app import create_outbox
from widget.config.loading import load, load_products, places
from widget.config.products import Product
from widget.errors import ConfigurationError
from widget.i18n import messages as words
from widget.tools.check import product as products
from widget.tools.check import service
from widget.tools.check import strict as strictly
from widget.tools.findings import Report, Section
from widget.tools.offline import OfflineRenderer


async def run(
    environ: Mapping[str, str], *, only: str | None = None, online: bool = True, strict: bool = False
) -> Report:
    """Look at everything that `environ` names; with `only`, at one product's pages alone; with `strict`, also for what
    works but could be shut."""
    try:
        settings = load(environ)
    except ConfigurationError as error:
        return Report((Section("Service", (service.check_settings(error),)), *_readable(environ, only)))
    checks = [service.check_origins(settings, strict=strict)]
    if strict:
        checks.append(strictly.check(settings, environ))
    if online:
        checks.append(await service.check_credentials(settings))
    checks.append(await service.check_database(settings, create_outbox(settings, connect_timeout=2)))
    pages = check_products(_only(settings.products, only), settings.custom, settings.widget_config)
    return Report((Section("Service", tuple(checks)), *pages))


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
    return {name: product for name, product in found.items() if slug in (None, name)}
