"""The form that most people ask for, one without anything personal in it, answered before any routing.

A form that is kept (`blanks`) needs its token and nothing else, and what a framework does for each request would be
most of the work. Whatever is not at hand is the application's to answer; `routes` sees to it that it is next time.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from widget.abuse.rate_limits import Rates
from widget.config.products import Product
from widget.submissions.tokens import Tokens
from widget.web import headers
from widget.web.blanks import Blanks, wish


class Front:
    """Stands before `app`, and answers what it can."""

    def __init__(
        self, app: ASGIApp, products: Mapping[str, Product], blanks: Blanks, tokens: Tokens, rates: Rates
    ) -> None:
        self._app = app
        self._blanks = blanks
        self._tokens = tokens
        self._rates = rates
        self._products = {f"/form/{slug}": product for slug, product in products.items()}
        self._headers = {slug: _headers(product) for slug, product in products.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or leave it to the application."""
        answer = self._answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        fields, body = answer
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        """Headers and body, if the form is at hand, and may go out without a challenge."""
        product = self._products.get(scope["path"])
        if product is None or (product.proof == "surge" and self._rates.surge_since(product.slug) is not None):
            return None
        asked = wish(scope)
        blank = self._blanks.find(product.slug, asked.looks) if asked else None
        if asked is None or blank is None:
            return None
        token = self._tokens.form(product.slug).encode()
        body = blank.packed(token) if asked.gzip else blank.filled(token)
        fields = [*self._headers[product.slug], (b"content-length", b"%d" % len(body))]
        return [*fields, (b"content-encoding", b"gzip")] if asked.gzip else fields, body


def _headers(product: Product) -> list[tuple[bytes, bytes]]:
    return headers.raw({**headers.of_form(product.origins), "Content-Type": "text/html; charset=utf-8"})
