"""Untouched forms, cached and answered before any routing. Each needs only a token of its own.

A form is cached once it is asked for again, if its address specifies only language and looks. Products write templates,
so a page is cached only if a second rendering with another token differs in nothing else. A page that replaces a broken
template is not cached.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from widget.abuse.bots import BotDefence
from widget.config.products import Product
from widget.i18n import messages
from widget.i18n.messages import Words
from widget.pages import addresses
from widget.pages.pages import MODES, THEMES, Pages, known
from widget.pages.state import Looks
from widget.submissions.tokens import Tokens
from widget.web import headers
from widget.web.compression import AS_IT_IS, choose, give_back
from widget.web.gapped import Gapped

_MOST_KEPT = 128
"""Pages of 35 KB with their compressed forms: enough for some products in their visitors' languages."""
_LONGEST_READ = 400
"""Characters of query and headers that are parsed here, because the result is cached for each combination."""


class Variant(NamedTuple):
    """One way in which a product's form can look."""

    lang: str
    theme: str
    mode: str


class Wish(NamedTuple):
    """What a request for an impersonal form specifies, and the coding of the answer."""

    variant: Variant
    coding: str


def wish(scope: Mapping[str, Any]) -> Wish | None:
    """What a request specifies; None if its query contains more than that."""
    given = dict(scope["headers"])
    said = scope["query_string"], given.get(b"accept-language", b""), given.get(b"accept-encoding", b"")
    return _wish(*said) if sum(map(len, said)) <= _LONGEST_READ else None


@lru_cache(maxsize=1024)
def _wish(query: bytes, languages: bytes, codings: bytes) -> Wish | None:
    asked = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    if not asked.keys() <= {"lang", "theme", "mode"}:
        return None
    lang = messages.choose(asked.get("lang"), languages.decode("latin-1")).lang
    variant = Variant(lang, known(asked.get("theme", ""), THEMES), known(asked.get("mode", ""), MODES))
    return Wish(variant, choose(codings.decode("latin-1")))


class FormCache:
    """The cached forms. With `keep` off, none are cached, for development, where templates change."""

    def __init__(self, pages: Pages, tokens: Tokens, *, keep: bool = True) -> None:
        self._pages = pages
        self._tokens = tokens
        self._most = _MOST_KEPT if keep else 0
        self._kept: OrderedDict[tuple[str, str, Variant], Gapped | None] = OrderedDict()
        self._asked: set[tuple[str, str, Variant]] = set()
        """What was asked for once."""

    def find(self, slug: str, variant: Variant) -> Gapped | None:
        """The cached form, with gaps for its token, if there is one."""
        key = addresses.root.get(), slug, variant
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    async def keep(self, product: Product, words: Words, variant: Variant, page: str, token: str) -> None:
        """Cache a `page` that was rendered with `token`, if that is possible and another one was asked for before."""
        key = addresses.root.get(), product.slug, variant
        if key in self._kept or not self._most or self._is_first(key):
            return
        self._kept[key] = None  # while it is being compressed, and for good if it cannot be cached
        other = self._tokens.form(product.slug)
        again = self._pages.blank(product, words, other, Looks(variant.theme, variant.mode))
        if again is None:
            del self._kept[key]
        elif (pieces := page.split(token)) == again.split(other):
            self._kept[key] = await asyncio.to_thread(Gapped, pieces, len(token))  # 20 ms of work
            await asyncio.to_thread(give_back)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _is_first(self, key: tuple[str, str, Variant]) -> bool:
        """Whether nobody is known to have asked for this before: to compress it costs more than to render it."""
        if key in self._asked:
            self._asked.discard(key)
            return False
        if len(self._asked) >= self._most:
            self._asked.clear()
        self._asked.add(key)
        return True


class CachedForms:
    """A layer around `app` that answers with cached forms, and so saves most of the work of a framework."""

    def __init__(
        self, app: ASGIApp, products: Mapping[str, Product], cache: FormCache, tokens: Tokens, bots: BotDefence
    ) -> None:
        self._app = app
        self._cache = cache
        self._tokens = tokens
        self._bots = bots
        self._products = {f"/form/{slug}": product for slug, product in products.items()}
        self._headers = {slug: _headers(product) for slug, product in products.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the cache, or pass the request on."""
        answer = self._answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        fields, body = answer
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        """Headers and body, if the form is cached and needs no challenge."""
        product = self._products.get(scope["path"])
        asked = wish(scope) if product else None
        if product is None or asked is None or self._bots.asks_for_proof(product, time.time()):
            return None
        form = self._cache.find(product.slug, asked.variant)
        if form is None:
            return None
        body = form.filled(self._tokens.form(product.slug).encode(), asked.coding)
        fields = [*self._headers[product.slug], (b"content-length", b"%d" % len(body))]
        if asked.coding != AS_IT_IS:
            fields.append((b"content-encoding", asked.coding.encode()))
        return fields, body


def _headers(product: Product) -> list[tuple[bytes, bytes]]:
    return headers.raw({**headers.of_form(product.origins), "Content-Type": "text/html; charset=utf-8"})
