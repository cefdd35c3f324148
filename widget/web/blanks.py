"""Untouched forms, rendered once for each product, language and looks, and given out with a token of their own each.

That a page differs from the next in nothing but its token is not taken for granted, for templates are the products':
it is rendered with two tokens, and kept if nothing else differs. What holds anything of a person is never kept; nor is
a page that stands in for a broken template. Who may have a form without a challenge is left to `routes`.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from widget.config.products import Product
from widget.i18n import messages as words
from widget.i18n.messages import Words
from widget.pages.pages import MODES, THEMES, Pages, known
from widget.submissions.tokens import Tokens
from widget.web.compression import Gapped, choose

_MOST_KEPT = 128
"""Pages: the forms of some products in the languages of those who come. One has 25 KB."""
_LONGEST_SAID = 400
"""Characters of query and headers that are read here: what was understood of them is remembered."""


class Looks(NamedTuple):
    """What a form looks like, besides its product."""

    lang: str
    theme: str
    mode: str


class Wish(NamedTuple):
    """What a request for a form without anything personal asks for, and whether it takes it as gzip."""

    looks: Looks
    gzip: bool


def wish(scope: Mapping[str, Any]) -> Wish | None:
    """What a request asks for; None when its query says more than that."""
    given = dict(scope["headers"])
    said = scope["query_string"], given.get(b"accept-language", b""), given.get(b"accept-encoding", b"")
    return _wish(*said) if sum(map(len, said)) <= _LONGEST_SAID else None


@lru_cache(maxsize=1024)
def _wish(query: bytes, languages: bytes, codings: bytes) -> Wish | None:
    asked = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    if not asked.keys() <= {"lang", "theme", "mode"}:
        return None
    lang = words.choose(asked.get("lang"), languages.decode("latin-1")).lang
    looks = Looks(lang, known(asked.get("theme", ""), THEMES), known(asked.get("mode", ""), MODES))
    return Wish(looks, choose(codings.decode("latin-1"), ("gzip",)) == "gzip")


class Blanks:
    """The forms that are kept. Without `keep` none is: for development, where templates change."""

    def __init__(self, pages: Pages, tokens: Tokens, *, keep: bool = True) -> None:
        self._pages = pages
        self._tokens = tokens
        self._most = _MOST_KEPT if keep else 0
        self._kept: OrderedDict[tuple[str, Looks], Gapped | None] = OrderedDict()

    def find(self, slug: str, looks: Looks) -> Gapped | None:
        """The form, with gaps for its token, if it is kept."""
        key = slug, looks
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, product: Product, words: Words, looks: Looks) -> None:
        """Render the form, and keep it if that may be."""
        key = product.slug, looks
        if key in self._kept or not self._most:
            return
        first, second = (self._version(product, words, looks) for _ in range(2))
        if first is None or second is None:
            return
        # That it differs in something else is remembered, too.
        self._kept[key] = Gapped([piece.encode() for piece in first]) if first == second else None
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _version(self, product: Product, words: Words, looks: Looks) -> list[str] | None:
        """The form, taken apart at its token; None when its own template makes none."""
        token = self._tokens.form(product.slug)
        page = self._pages.blank(product, words, token=token, theme=looks.theme, mode=looks.mode)
        return None if page is None else page.split(token)
