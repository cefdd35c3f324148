"""The snippet builder: a page on which one chooses how the form is embedded, sees it, and copies what a page needs.

| address, below where it is mounted | what it is |
|---|---|
| its root | leads to the first product |
| `/{product}` | the builder; the query has the choices, as its own form sets them |
| `/{product}/blocks` | what there is to copy, as JSON, for its script |
| `/{product}/page` | a sample page that embeds the form as chosen |

It needs `/embed.js`, `/form/{product}` and `/static/` at the root of the same address. Who may see it is left to
whoever mounts it.
"""

from collections.abc import Awaitable, Callable, Mapping
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
from widget.pages.addresses import public
from widget.pages.pages import THEMES, known
from widget.web import snippets
from widget.web.headers import FRAMING, HEADERS
from widget.web.snippets import Block, Choice

MODES = ("popover", "dialog", "inline")
Endpoint = Callable[[Request], Awaitable[Response]]
POSITIONS = ("bottom-end", "bottom-start", "top-end", "top-start")


class Builder:
    """The builder's pages, below `path`. `products`, `static` and `service` give the products, the address of a static
    file, and the service's own address as browsers know it (empty: unknown). `back` is the path of the page that leads
    here, and its name."""

    def __init__(
        self,
        path: str,
        products: Callable[[Request], Mapping[str, Product]],
        static: Callable[[Request, str], str],
        service: Callable[[Request], str] = lambda request: "",
        back: tuple[str, str] = ("", ""),
    ) -> None:
        self._path = path
        self._products = products
        self._static = static
        self._service = service
        self._back = back
        self._render = own.renderer("builder")

    def routes(self, guard: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint) -> list[Route]:
        """The addresses. `guard` decides who may see them."""
        endpoints: Mapping[str, Endpoint] = {
            "": self._first,
            "/{product}": self._of_product(self._builder),
            "/{product}/blocks": self._of_product(self._blocks),
            "/{product}/page": self._of_product(self._sample),
        }
        return [Route(self._path + path, guard(endpoint), methods=["GET"]) for path, endpoint in endpoints.items()]

    async def _first(self, request: Request) -> Response:
        return RedirectResponse(f"{self._root}/{next(iter(self._products(request)))}", 302)

    def _of_product(self, answer: Callable[[Request, Product], Response]) -> Endpoint:
        """Answers for the product that the address names, if there is one."""

        async def endpoint(request: Request) -> Response:
            slug, found = request.path_params["product"], self._products(request)
            if slug in found:
                return answer(request, found[slug])
            return self._page(request, "unknown", 404, slug=slug, products=found.values(), hint=near(slug, found))

        return endpoint

    def _builder(self, request: Request, product: Product) -> Response:
        choice, origin, problem = self._choice(request, product)
        return self._page(
            request,
            "builder",
            product=product,
            products=self._products(request).values(),
            choice=choice,
            origin=request.query_params.get("origin", ""),
            problem=problem,
            asked=_asked(choice),
            stacks=snippets.STACKS,
            languages=words.languages(),
            blocks=_blocks(choice, product, origin),
            live=self._live(choice),
        )

    def _blocks(self, request: Request, product: Product) -> Response:
        choice, origin, problem = self._choice(request, product)
        blocks = [asdict(block) for block in _blocks(choice, product, origin)]
        return JSONResponse({"blocks": blocks, "problem": problem, "live": self._live(choice)}, headers=HEADERS["data"])

    def _sample(self, request: Request, product: Product) -> Response:
        choice, _, _ = self._choice(request, product)
        here = replace(choice, service="")
        return self._page(request, "page", product=product, choice=here, form=snippets.form_address(here))

    def _choice(self, request: Request, product: Product) -> tuple[Choice, str, str]:
        """What the query asks for, the page's origin, and what is wrong with them. Unknown values are the defaults."""
        asked = request.query_params
        given, origin = asked.get("service", "").strip(), asked.get("origin", "").strip()
        service = snippets.service_address(given, self._service(request) or snippets.SERVICE)
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
        def static(name: str) -> str:
            return self._static(request, name)

        html = self._render(template, root=self._root, base=public(""), back=self._back, static=static, **values)
        return HTMLResponse(html, status, headers=FRAMING)

    @property
    def _root(self) -> str:
        """Where the builder is, as browsers see it."""
        return public(self._path)

    def _live(self, choice: Choice) -> str:
        """The sample page. What is not seen in it does not load it anew."""
        query = urlencode({**choice.options, "stack": choice.stack})
        return f"{self._root}/{choice.product}/page?{query}"


def _blocks(choice: Choice, product: Product, origin: str) -> list[Block]:
    loader = resources.content(resources.path("static") / "embed.js")
    return list(snippets.blocks(choice, product, loader, origin))


def _asked(choice: Choice) -> Mapping[str, str]:
    """What is chosen in each group of the page."""
    return {
        "stack": choice.stack,
        "mode": choice.mode,
        "position": choice.position or POSITIONS[0],
        "theme": choice.theme or THEMES[0],
        "launcher": "true" if choice.launcher else "false",
    }
