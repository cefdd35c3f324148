"""Checks everything that can be checked in advance: the configuration, and every product's pages in every state.

Each kind of check is a module, with functions from values to findings.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from widget.app.outbox import create_outbox
from widget.config import resources
from widget.config.inventory import in_force
from widget.config.loading import load, load_products, places
from widget.config.products import Product
from widget.config.sentences import suggestion
from widget.errors import ConfigurationError, Problem, WidgetError
from widget.i18n import messages as words
from widget.tools.check import folders, service
from widget.tools.check import product as products
from widget.tools.check import proxy as proxies
from widget.tools.check import strict as strictly
from widget.tools.check.location import located
from widget.tools.findings import Check, Report, Section
from widget.tools.offline import OfflineRenderer
from widget.web import pinned


class UnknownProduct(WidgetError):
    """The product that should be checked does not exist. The message names one that does."""


async def run(
    environ: Mapping[str, str],
    *,
    only: str | None = None,
    online: bool = True,
    strict: bool = False,
    proxy: str | None = None,
) -> Report:
    """Look at everything that `environ` names; with `only`, at one product's pages alone; with `strict`, also for what
    works but could be shut; with `proxy`, an address, through the proxy there. Raises UnknownProduct."""
    config, custom = places(environ)
    try:
        settings = load(environ)
    except ConfigurationError as error:
        return Report((_service(environ, service.check_settings(error)), *_readable(environ, only)))
    checks = [
        service.check_origins(settings, strict=strict),
        service.check_folder(settings),
    ]
    if strict:
        checks.append(strictly.check(settings, environ))
    if online:
        checks.append(await service.check_credentials(settings))
        checks += await service.check_helpers(settings)
    if proxy is not None:
        checks.append(await proxies.check(settings, proxy))
    checks.append(await service.check_database(settings, create_outbox(settings, connect_timeout=2)))
    pages = check_products(_only(settings.products, only), custom, config, slugs=settings.products)
    tag = pinned.tag(resources.content(resources.path("static") / "embed.js"), settings.public_url or "")
    return Report((_service(environ, *checks), *pages), tuple(in_force(environ, settings)), tag)


def pages(environ: Mapping[str, str], *, only: str | None = None) -> Report:
    """Look at the products alone, as a team's own checks do: none of the service's settings is needed. Raises
    UnknownProduct."""
    config, custom = places(environ)
    problems: list[Problem] = []
    try:
        found = load_products(config, problems)
    except ConfigurationError as error:
        return Report((located(Section("Products", (service.check_settings(error),)), config, custom),))
    checks = [service.check_settings(ConfigurationError(problems))] if problems else []
    if custom != config.parent and not custom.is_dir():
        checks.append(service.check_custom(custom))
    sections = (located(Section("Products", tuple(checks)), config, custom),) if checks else ()
    return Report((*sections, *check_products(_only(found, only), custom, config, slugs=found)))


def _service(environ: Mapping[str, str], *checks: Check) -> Section:
    return located(Section("Service", checks), *places(environ))


def check_products(
    found: Mapping[str, Product],
    custom: Path,
    config: Path,
    languages: Sequence[str] | None = None,
    slugs: Collection[str] = (),
) -> tuple[Section, ...]:
    """The products' looks, templates and pages; in all languages unless some are named. Then what belongs to no
    product, if there is such a thing; `slugs` are those of all products, if `found` are not all."""
    renderer = OfflineRenderer(found, custom)
    sections = [
        located(products.check(product, renderer, languages or words.languages(), config), config, custom, product.slug)
        for product in found.values()
    ]
    if stray := tuple(folders.check(custom, slugs or found)):
        sections.append(located(Section("Folders", (Check("files", stray),)), config, custom))
    return tuple(sections)


def _readable(environ: Mapping[str, str], only: str | None) -> tuple[Section, ...]:
    """The products, where only something else is wrong."""
    config, custom = places(environ)
    try:
        found = load_products(config, [])
        return check_products(_only(found, only), custom, config, slugs=found)
    except ConfigurationError:
        return ()


def _only(found: Mapping[str, Product], slug: str | None) -> Mapping[str, Product]:
    """The product that is asked for, or all of them. Raises UnknownProduct."""
    if slug is None:
        return found
    if slug not in found:
        raise UnknownProduct(f"there is no product {slug!r} in widget.toml{suggestion(slug, list(found))}")
    return {slug: found[slug]}
