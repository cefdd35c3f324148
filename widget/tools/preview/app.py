"""The preview's addresses. What is sent to them is answered with thanks, and discarded.

| address | what it is |
|---|---|
| `/`, `/{product}` | the gallery: `theme`, `width`, `text`, `lang`, `by`, `state`, as its own form sets them |
| `/cell/{product}/{state}` | one page in one state: `lang`, `theme`, `text` |
| `/findings/{product}/{state}` | what check finds on that page: `lang` |
| `/build/{product}` | the snippet builder: see `web/builder` |
| `/host/{product}` | a sample page that embeds the form: `mode`, `lang`, `theme` |
| `/form/{product}`, `/embed.js`, `/static/…` | as the service has them |
| `/version` | what changes whenever a file does |
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from widget.config.products import Product
from widget.errors import ConfigurationError, Fault
from widget.i18n import messages as words
from widget.pages import own
from widget.pages.pages import MODES, THEMES, known
from widget.pages.state import Looks
from widget.pages.templating import TemplateBroken
from widget.theming import themes
from widget.tools.offline import OfflineRenderer
from widget.tools.preview.cells import CELLS, Cell, cells_of
from widget.tools.preview.findings import findings_of
from widget.tools.preview.workshop import Workshop
from widget.web.builder import Builder
from widget.web.headers import FRAMING, HEADERS, of_form

CHOICES: Mapping[str, tuple[str, ...]] = {
    "theme": ("both", "light", "dark"),
    "width": ("desktop", "phone"),
    "text": ("100", "200"),
    "by": ("states", "languages"),
}
"""What the gallery can be asked for, the default first."""
_TAKEN = {"status": "delivered", "receipt": "sample", "receipt_url": "/receipt/sample", "feedback_id": 1187}


def create_preview(config: Path, custom: Path) -> Starlette:
    """The gallery of the products that `config` has. Raises ConfigurationError."""
    workshop = Workshop(config, custom)
    _ = workshop.renderer
    builder = Builder(
        "/build",
        lambda request: workshop.products,
        lambda request, name: workshop.renderer.static.url(name),
        back=("/", "Gallery"),
    )
    routes = [*builder.routes(), *ROUTES]
    app = Starlette(routes=routes, exception_handlers={TemplateBroken: _broken, ConfigurationError: _unusable})
    app.state.workshop = workshop
    app.state.render = own.renderer("preview")
    return app


async def first(request: Request) -> Response:
    """GET /: the first product."""
    return RedirectResponse(f"/{next(iter(_renderer(request).products))}", 302)


async def gallery(request: Request) -> Response:
    """GET /{product}."""
    product = _product(request)
    asked = {name: known(request.query_params.get(name), values) for name, values in CHOICES.items()}
    lang = known(request.query_params.get("lang"), words.languages())
    cells = cells_of(product)
    state = next((cell for cell in cells if cell.name == request.query_params.get("state")), cells[0])
    schemes = ("light", "dark") if asked["theme"] == "both" else (asked["theme"],)
    if asked["by"] == "languages":
        shown = [(cell, tag) for cell in (state,) for tag in words.languages()]
    else:
        shown = [(cell, lang) for cell in cells]
    return _page(
        request,
        "gallery",
        product=product,
        products=_renderer(request).products.values(),
        choices=CHOICES,
        asked={**asked, "lang": lang, "state": state.name},
        languages=words.languages(),
        cells=cells,
        shown=shown,
        schemes=schemes,
        modes=MODES[1:],
        version=_workshop(request).version(),
        problem=_workshop(request).problem,
    )


async def cell(request: Request) -> Response:
    """GET /cell/{product}/{state}: the page itself, as the service would make it, but for the preview's own script."""
    product, found = _product(request), _cell(request)
    theme = known(request.query_params.get("theme"), THEMES)
    html = _render(_renderer(request), product, found, request.query_params.get("lang", ""), theme)
    return HTMLResponse(_staged(_renderer(request), html, found.does, request), headers=of_form(product.origins))


def _render(renderer: OfflineRenderer, product: Product, found: Cell, lang: str, theme: str) -> str:
    scene = renderer.scene(product, lang, looks=Looks(theme))
    if found.name == "not-found":
        return renderer.pages.problem(scene.words, Fault("product_unknown"), product, looks=Looks(theme))
    return found.state.render(scene)


def _staged(renderer: OfflineRenderer, html: str, does: str, request: Request) -> str:
    """The page with the preview's script before its own, and with larger text if asked for. It takes no focus.

    It keeps no draft, which the frames of a gallery would share.
    """
    script = f'<script type="module" src="{renderer.static.url("preview/state.js")}?do={does}"></script>'
    large = f'<link rel="stylesheet" href="{renderer.static.url("preview/large.css")}">'
    wanted = script + (large if request.query_params.get("text") == "200" else "")
    html = html.replace("<feedback-form ", '<feedback-form draft="off" ', 1)
    return html.replace(" autofocus", "").replace("<head>", f"<head>{wanted}", 1)


async def findings(request: Request) -> Response:
    """GET /findings/{product}/{state}: for the gallery, whenever the page is loaded."""
    lang = request.query_params.get("lang", "")
    found = findings_of(_cell(request), _product(request), _renderer(request), lang)
    return JSONResponse([asdict(finding) for finding in found], headers=HEADERS["data"])


async def host(request: Request) -> Response:
    """GET /host/{product}: a sample page."""
    mode = known(request.query_params.get("mode"), MODES[1:])
    theme = known(request.query_params.get("theme"), THEMES)
    lang = known(request.query_params.get("lang"), words.languages())
    return _page(request, "host", product=_product(request), mode=mode, theme=theme, lang=lang)


async def form(request: Request) -> Response:
    """GET /form/{product}: the form for the sample page, and for a tab of its own."""
    product, renderer = _product(request), _renderer(request)
    theme = known(request.query_params.get("theme"), THEMES)
    mode = known(request.query_params.get("mode"), MODES)
    scene = renderer.scene(product, request.query_params.get("lang", ""), looks=Looks(theme, mode))
    return HTMLResponse(_staged(renderer, scene.form(), "", request), headers=of_form(product.origins))


async def taken(request: Request) -> Response:
    """POST to a form: read, thanked for, and forgotten."""
    async for _ in request.stream():
        pass
    product = _product(request)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({**_TAKEN, "attachments": []}, 201, headers=of_form(product.origins))
    lang = request.query_params.get("lang", "")
    return RedirectResponse(f"/cell/{product.slug}/thanks-delivered?lang={lang}", 303)


async def token(request: Request) -> Response:
    """GET /form/{product}/token."""
    return JSONResponse({"token": "sample-token", "expires_in": 3600}, headers=of_form(_product(request).origins))


async def texts(request: Request) -> Response:
    """GET /form/{product}/words.json."""
    product = _product(request)
    scene = _renderer(request).scene(product, request.query_params.get("lang", ""))
    return JSONResponse(scene.words.later(product))


async def theme_css(request: Request) -> Response:
    """GET /form/{product}/theme.css."""
    return Response(themes.stylesheet(_product(request).theme), media_type="text/css", headers=HEADERS["static"])


async def receipt(request: Request) -> Response:
    """GET /receipt/sample."""
    return RedirectResponse(f"/cell/{next(iter(_renderer(request).products))}/receipt-delivered", 302)


async def loader(request: Request) -> Response:
    """GET /embed.js."""
    return _found(_renderer(request).static.loader(request))


async def static(request: Request) -> Response:
    """GET /static/…"""
    return _found(_renderer(request).static.respond(request, request.path_params["path"]))


async def version(request: Request) -> Response:
    """GET /version: asked for again and again by the gallery."""
    workshop = _workshop(request)
    _ = workshop.renderer
    return JSONResponse({"version": workshop.version(), "problem": workshop.problem}, headers=HEADERS["data"])


async def _broken(request: Request, error: Exception) -> Response:
    """A template that fails: file, line and reason instead of the page."""
    assert isinstance(error, TemplateBroken)  # noqa: S101
    return _page(request, "broken", 500, at=error.problem.name, reason=error.problem.message)


async def _unusable(request: Request, error: Exception) -> Response:
    return _page(request, "broken", 500, at="widget.toml", reason=str(error))


def _page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    html = request.app.state.render(template, static=_renderer(request).static.url, **values)
    return HTMLResponse(html, status, headers=FRAMING)


def _found(response: Response | None) -> Response:
    if response is None:
        raise HTTPException(404)
    return response


def _workshop(request: Request) -> Workshop:
    workshop: Workshop = request.app.state.workshop
    return workshop


def _renderer(request: Request) -> OfflineRenderer:
    return _workshop(request).renderer


def _product(request: Request) -> Product:
    product = _renderer(request).products.get(request.path_params["product"])
    if product is None:
        raise HTTPException(404)
    return product


def _cell(request: Request) -> Cell:
    found = next((each for each in CELLS if each.name == request.path_params["state"]), None)
    if found is None:
        raise HTTPException(404)
    return found


ROUTES = [
    Route("/", first),
    Route("/version", version),
    Route("/embed.js", loader),
    Route("/static/{path:path}", static),
    Route("/cell/{product}/{state}", cell),
    Route("/cell/{product}/{state}", taken, methods=["POST"]),
    Route("/cell/{product}/{state}/token", token),
    Route("/cell/{product}/{state}/words.json", texts),
    Route("/findings/{product}/{state}", findings),
    Route("/host/{product}", host),
    Route("/form/{product}", form),
    Route("/form/{product}", taken, methods=["POST"]),
    Route("/form/{product}/token", token),
    Route("/form/{product}/words.json", texts),
    Route("/form/{product}/theme.css", theme_css),
    Route("/receipt/{receipt}", receipt),
    Route("/{product}", gallery),
]
