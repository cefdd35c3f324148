"""Finds out why the form would not work in a host page: fetches the page and our own answers, and compares them.

Pure functions decide (`csp`, `host`, `service`). What happens only in a running page is shown by `data-debug` on the
script tag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from widget.config import validators
from widget.config.products import Product
from widget.tools.doctor import host, service
from widget.tools.doctor.embeds import Embed, find, inner_pages, written_by_script
from widget.tools.doctor.visits import Failure, Visit, client, fetch, origin_of
from widget.tools.findings import Check, Finding, Report, Section
from widget.tools.markup import Element

MAX_INNER = 4
"""Frames of a page that are searched if the page itself does not embed the form."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page that embeds the form, and the pages and frames around it, the outermost first."""

    visit: Visit
    around: tuple[tuple[Visit, Element], ...] = ()


async def run(url: str, products: Mapping[str, Product], public_url: str | None = None) -> Report:
    """Check the page at `url`. For products that are not configured here, only the form's answer is known."""
    async with client() as browser:
        page = await fetch(browser, url)
        if isinstance(page, Failure):
            finding = Finding("page.away", f"The page does not answer: {page.reason}.", "", page.url)
            return Report((Section(url, (Check("page", (finding,)),)),))
        place, embeds = await _find(browser, page)
        sections = [Section(place.visit.url, (Check("page", (*_page(page), *_tag(place, embeds, public_url))),))]
        sections += [await _embed(browser, embed, place, products, public_url) for embed in embeds]
    return Report(tuple(sections))


async def _find(browser: httpx.AsyncClient, page: Visit) -> tuple[Place, tuple[Embed, ...]]:
    """The embeddings in the page, else in one of its frames."""
    if (embeds := find(page)) or written_by_script(page):
        return Place(page), embeds
    for address, frame in list(inner_pages(page))[:MAX_INNER]:
        inner = await fetch(browser, address)
        if isinstance(inner, Visit) and (embeds := find(inner)):
            return Place(inner, ((page, frame),)), embeds
    return Place(page), ()


def _page(page: Visit) -> list[Finding]:
    found = []
    if page.status >= 400:
        found.append(Finding("page.status", f"The page is answered {page.status}.", "Is it behind a login?", page.url))
    if page.asked and page.url != page.asked:
        message = f"{page.asked} redirects here. If people see another page, give that page's address."
        found.append(Finding("page.redirect", message, "", page.url, "notice"))
    return found


def _tag(place: Place, embeds: Sequence[Embed], public_url: str | None) -> list[Finding]:
    if embeds:
        return []
    visit = place.visit
    if any(True for _ in visit.root.all("insider-feedback")):
        message = "There is an <insider-feedback>, but no script tag that defines it."
        return [Finding("tag.absent", message, f"Add {_script(public_url, '')}.", visit.url)]
    if written_by_script(visit):
        message = "A script of the page adds the tag. What it does cannot be seen from outside."
        fix = "Give that script tag data-debug, and open the page."
        return [Finding("tag.dynamic", message, fix, visit.url, "notice")]
    if copy := next((script for script in visit.root.all("script") if script["data-product"]), None):
        message = "A script names a product, but does not come from embed.js, so it does not find the form."
        return [Finding("tag.copied", message, _uncopied(public_url), f"{visit.url}, line {copy.line}")]
    message = "There is no script tag of ours, and no frame with the form, in the HTML."
    fix = f"Add {_script(public_url, ' data-product=…')}; if a script adds it, give it data-debug and open the page."
    return [Finding("tag.absent", message, fix, visit.url)]


def _uncopied(public_url: str | None) -> str:
    return f"Load {public_url or 'https://…'}/embed.js itself: exclude it from what combines or copies scripts."


def _script(public_url: str | None, more: str) -> str:
    return f'<script src="{public_url or "https://…"}/embed.js"{more} async></script>'


async def _embed(
    browser: httpx.AsyncClient,
    embed: Embed,
    place: Place,
    products: Mapping[str, Product],
    public_url: str | None,
) -> Section:
    """One embedding of a product."""
    product = products.get(embed.product)
    page = place.visit
    checks = [Check("tag", tuple(_written(embed, place, public_url)))]
    form: Visit | Failure | None = await fetch(browser, embed.form, Referer=page.url) if embed.product else None
    loader: Visit | Failure | None = None
    found: list[Finding] = []
    if embed.kind == "script":
        loader = await fetch(browser, embed.loader)
        panel = await fetch(browser, f"{embed.base}/static/embed-panel.js", Origin=origin_of(page.url))
        if service.is_copy(loader, panel):
            message = "This is a copy of embed.js. It looks for the form beside itself, where there is none."
            found = [Finding("tag.copied", message, _uncopied(public_url), embed.loader)]
            return Section(f"{embed.product or 'no product'}: {embed.base}", (Check("tag", tuple(found)),))
        found += [*service.check_script(loader, "loader"), *service.check_script(panel, "static")]
    if form is not None:
        found += service.check_form(form, product)
    checks.append(Check("service", tuple(dict.fromkeys(found)), embed.base))
    checks.append(Check("policies", tuple(host.check_policies(embed, page))))
    if isinstance(form, Visit) and form.status == 200:
        ancestors = [page.url, *(visit.url for visit, _ in reversed(place.around))]
        checks.append(Check("origins", tuple(service.check_ancestors(form, ancestors, product))))
        script = loader if isinstance(loader, Visit) else None
        checks.append(Check("isolation", tuple(host.check_isolation(form, script, page))))
    checks.append(Check("permissions", tuple(host.check_permissions(embed, page))))
    return Section(f"{embed.product or 'no product'}: {embed.base}", tuple(checks))


def _written(embed: Embed, place: Place, public_url: str | None) -> list[Finding]:
    found = [*host.check_tag(embed, place.visit), *host.check_elements(place.visit)]
    if public_url and not _is_same(embed.base, public_url):
        message = f"The tag has the address {embed.base}, but PUBLIC_URL is {public_url}."
        found.append(Finding("tag.address", message, "Use the same address in both.", place.visit.url, "notice"))
    for visit, frame in place.around:
        found += host.check_frame(frame, visit, "The frame around the page")
    if embed.kind == "frame" and embed.element is not None:
        found += host.check_frame(embed.element, place.visit, "The form's frame")
    return found


def _is_same(url: str, other: str) -> bool:
    """Whether two addresses name one service, however they are written. One that cannot be used is none."""
    try:
        return validators.public_url(url) == validators.public_url(other)
    except ValueError:
        return False
