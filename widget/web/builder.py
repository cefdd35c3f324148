"""The snippet builder: a page on which one chooses how the form is embedded, sees it, and copies what a page needs.

| address, below where it is mounted | what it is |
|---|---|
| `/` | leads to the first product |
| `/{product}` | the builder; the query has the choices, as its own form sets them |
| `/{product}/blocks` | what there is to copy, as JSON, for its script |
| `/{product}/page` | a sample page that embeds the form as chosen |

It needs `/embed.js`, `/form/{product}` and `/static/` at the root of the same address. Who may see it is left to
whoever mounts it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from widget.config import resources
from widget.config.products import Product, origin_problem
from widget.config.sentences import near
from widget.i18n import messages as words
from widget.pages import own
from widget.pages.pages import THEMES, known
from widget.web import snippets
from widget.web.headers import HEADERS
from widget.web.snippets import Block, Choice

MODES = ("popover", "dialog", "inline")
POSITIONS = ("bottom-end", "bottom-start", "top-end", "top-start")
_PAGE = {
    **HEADERS["page"],
    "Content-Security-Policy": HEADERS["page"]["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'; frame-src 'self'"
    ),
}


class Builder:
    """The builder's pages. `products` and `static` give the products and the addresses of static files as they are at
    the moment; `service` is the service's address as browsers know it."""

    def __init__(
        self,
        products: Callable[[], Mapping[str, Product]],
        static: Callable[[str], str],
        service: str = "https://feedback.example.com",
    ) -> None:
        self._products = products
        self._static = static
        self._service = service
        self._render = own.renderer("builder")

    def routes(self) -> list[Route]:
        """For a `Mount`."""
        return [
            Route("/", self._first),
            Route("/{product}", self._builder),
            Route("/{product}/blocks", self._blocks),
            Route("/{product}/page", self._sample),
        ]

    async def _first(self, request: Request) -> Response:
        return RedirectResponse(f"{_root(request)}/{next(iter(self._products()))}", 302)

    async def _builder(self, request: Request) -> Response:
        product = self._product(request)
        if product is None:
            return self._unknown(request)
        choice, origin, problem = self._choice(request, product)
        return self._page(
            request,
            "builder.html",
            product=product,
            products=self._products().values(),
            choice=choice,
            origin=request.query_params.get("origin", ""),
            problem=problem,
            asked=_asked(choice),
            stacks=snippets.STACKS,
            languages=words.languages(),
            blocks=list(self._texts(choice, product, origin)),
            live=_live(request, choice),
        )

    async def _blocks(self, request: Request) -> Response:
        product = self._product(request)
        if product is None:
            return self._unknown(request)
        choice, origin, problem = self._choice(request, product)
        blocks = [asdict(block) for block in self._texts(choice, product, origin)]
        return JSONResponse(
            {"blocks": blocks, "problem": problem, "live": _live(request, choice)}, headers=HEADERS["data"]
        )

    async def _sample(self, request: Request) -> Response:
        product = self._product(request)
        if product is None:
            return self._unknown(request)
        choice, _, _ = self._choice(request, product)
        here = replace(choice, service="")
        return self._page(request, "page.html", product=product, choice=here, form=snippets.form_address(here))

    def _texts(self, choice: Choice, product: Product, origin: str) -> list[Block]:
        loader = resources.content(resources.path("static") / "embed.js")
        return list(snippets.blocks(choice, product, loader, origin))

    def _product(self, request: Request) -> Product | None:
        return self._products().get(request.path_params["product"])

    def _unknown(self, request: Request) -> Response:
        slug, found = request.path_params["product"], self._products()
        return self._page(request, "unknown.html", 404, slug=slug, products=found.values(), hint=near(slug, found))

    def _choice(self, request: Request, product: Product) -> tuple[Choice, str, str]:
        """What the query asks for, the page's origin, and what is wrong with them. Unknown values are the defaults."""
        asked = request.query_params
        given, origin = asked.get("service", "").strip(), asked.get("origin", "").strip()
        service = snippets.service_address(given, self._service)
        problems = []
        if given and service != given.rstrip("/"):
            problems.append("The service's address needs the form https://host or https://host/path.")
        if origin and (reason := origin_problem(origin)):
            problems.append(f"The page's origin: {reason}.")
            origin = ""
        stack = asked.get("stack", "")
        theme, position = known(asked.get("theme"), THEMES), known(asked.get("position"), POSITIONS)
        choice = Choice(
            product.slug,
            service,
            stack if stack in snippets.STACKS else "html",
            known(asked.get("mode"), MODES),
            position if position != POSITIONS[0] else "",
            theme if theme != THEMES[0] else "",
            asked.get("lang", "") if asked.get("lang") in words.languages() else "",
            asked.get("launcher") != "false",
        )
        return choice, origin, " ".join(problems)

    def _page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        values |= {"root": _root(request), "base": request.scope.get("app_root_path", ""), "static": self._static}
        return HTMLResponse(self._render(template, **values), status, headers=_PAGE)


def _asked(choice: Choice) -> Mapping[str, str]:
    """What is chosen in each group of the page."""
    return {
        "stack": choice.stack,
        "mode": choice.mode,
        "position": choice.position or POSITIONS[0],
        "theme": choice.theme or THEMES[0],
        "launcher": "true" if choice.launcher else "false",
    }


def _root(request: Request) -> str:
    """Where the builder is mounted."""
    return str(request.scope.get("root_path", ""))


def _live(request: Request, choice: Choice) -> str:
    """The sample page. What is not seen in it does not load it anew."""
    query = urlencode({**choice.options, "stack": choice.stack})
    return f"{_root(request)}/{choice.product}/page?{query}"
