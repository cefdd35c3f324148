"""Looks at a product's pages in the browser: axe, hidden parts, lost focus rings, dropped rules, in light and dark."""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import uvicorn

from widget.config.products import Product
from widget.tools.browser.chromium import Missing, chromium
from widget.tools.check import css, hiding
from widget.tools.check.css import Set, Sheet
from widget.tools.check.location import located
from widget.tools.check.sources import Sources
from widget.tools.findings import Check, Finding, Section
from widget.tools.offline import OfflineRenderer
from widget.tools.preview import create_preview
from widget.tools.preview.cells import Cell, cells_of

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

_MEASURE = Path(__file__).with_name("measure.js").read_text("utf-8")
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_WIDTH, _HEIGHT = 360, 900
"""As narrow as a phone, where what does not fit shows, and high enough for everything to be shown."""
_WHY = "A browser shows it so; the rule is in product.css, or in a template."

Seen = dict[Finding, list[str]]
"""What was found, and in which states."""

__all__ = ["Missing", "look"]


async def look(
    products: Mapping[str, Product], config: Path, custom: Path, *, states: Collection[str] = ()
) -> tuple[Section, ...]:
    """What a browser finds on the products' pages, in all states unless some are named. Raises Missing."""
    renderer = OfflineRenderer(products, custom)
    async with chromium() as browser, _served(config, custom) as url:
        sections = []
        for product in products.values():
            cells = [cell for cell in cells_of(product) if not states or cell.name in states]
            found = await _product(browser, f"{url}/cell/{product.slug}", product, renderer, cells)
            scope = f"{len(cells)} states, light and dark"
            section = Section(f"{product.name} ({product.slug})", (Check("browser", tuple(found), scope),))
            sections.append(located(section, config, custom, product.slug))
    return tuple(sections)


@asynccontextmanager
async def _served(config: Path, custom: Path) -> AsyncIterator[str]:
    """The preview, on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        options = uvicorn.Config(create_preview(config, custom), log_level="critical", lifespan="off")
        server = uvicorn.Server(options)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


async def _product(
    browser: "Browser", url: str, product: Product, renderer: OfflineRenderer, cells: Sequence[Cell]
) -> Iterator[Finding]:
    own = Sources(product.slug, renderer.sources(product.slug), renderer.our_sources())
    name = f"products/{product.slug}/product.css"
    sheet = css.read(renderer.styles(product).get(name, b"").decode("utf-8", "replace"), f"static/{name}")
    context = await browser.new_context(viewport={"width": _WIDTH, "height": _HEIGHT}, reduced_motion="reduce")
    seen: Seen = {}
    try:
        for cell in cells:
            page = await context.new_page()
            for finding in await _cell(page, f"{url}/{cell.name}?lang=en&theme=auto", own, sheet):
                seen.setdefault(finding, []).append(cell.name)
            await page.close()
    finally:
        await context.close()
    return _merged(seen, len(cells))


def _merged(seen: Seen, states: int) -> Iterator[Finding]:
    """Each finding once, with the states that it is seen in if these are not all."""
    for finding, names in seen.items():
        where = f" (in {', '.join(dict.fromkeys(names))})" if len(set(names)) < states else ""
        yield Finding(finding.code, finding.message + where, finding.fix, finding.at, finding.level)


async def _cell(page: "Page", url: str, own: Sources, sheet: Sheet) -> list[Finding]:
    """What is found on a page."""
    from axe_playwright_python.async_playwright import Axe

    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    answer = await page.goto(url, wait_until="load")
    if answer is None or answer.status >= 400:
        return []  # the template makes no page, as another check says
    found = [Finding("browser.console", f"The console says: {text}", _WHY) for text in dict.fromkeys(said)]
    for scheme in _SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        result = await Axe().run(page, options=_RULES)
        found += _violations(result.response["violations"], scheme, own)
    found += _measured(await page.evaluate(_MEASURE, _asked(sheet)), sheet)
    return found


def _sets(sheet: Sheet) -> list[Set]:
    """The declarations that a browser can be asked about."""
    found = [each for rule in sheet.rules for each in rule.sets]
    return [each for each in found if not each.name.startswith("--") and "var(" not in each.value]


def _asked(sheet: Sheet) -> dict[str, Any]:
    sets = [[each.name, each.value] for each in _sets(sheet)]
    return {"parts": list(hiding.PARTS), "sheet": sheet.name.removeprefix("static"), "sets": sets}


def _measured(measured: Mapping[str, Any], sheet: Sheet) -> Iterator[Finding]:
    """What the product's stylesheet changes for the worse."""
    at, sets = f"{sheet.name}:1", _sets(sheet)
    for part in measured["hidden"]:
        fix = f"Take away the rule that does it: look for #{part} and what is around it."
        yield Finding("browser.hidden", f"The stylesheet hides {hiding.PARTS[part]}.", fix, at)
    for name in measured["unringed"]:
        fix = "Keep the outline, or show the focus otherwise: it tells people with a keyboard where they are."
        yield Finding("browser.focus", f"With the stylesheet {name} does not show that it has the focus.", fix, at)
    if measured["overflow"] > 0:
        message = f"With the stylesheet the page is {measured['overflow']} px wider than a phone of {_WIDTH} px."
        yield Finding("browser.overflow", message, "Let it wrap or shrink: nothing may scroll sideways.", at)
    for index in measured["dropped"]:
        each = sets[index]
        message = f"The browser drops {each.name}: {each.value}."
        yield Finding("browser.dropped", message, "Correct property or value.", f"{sheet.name}:{each.line}")


def _violations(violations: Sequence[Mapping[str, Any]], scheme: str, own: Sources) -> Iterator[Finding]:
    """What axe finds, each rule and element once."""
    for violation in violations:
        for node in violation["nodes"]:
            target = " ".join(map(str, node["target"]))
            summary = str(node["failureSummary"]).splitlines()
            fix = " ".join(line.strip() for line in summary[1:2]) or str(violation["help"])
            message = f"{violation['help']}: {target} in {scheme}."
            clue = next((part for part in target.replace(".", " ").replace("#", " ").split() if "-" in part), "")
            at = own.place(clue) or f"static/products/{own.slug}/product.css:1"
            yield Finding(f"browser.{violation['id']}", message, fix, at)
