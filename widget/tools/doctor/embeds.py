"""Finds where a host page embeds the form: the script tag, the element, a plain frame."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from widget.tools.doctor.visits import Visit
from widget.tools.markup import Element

_LOADER = re.compile(r"/(embed/[0-9a-f]{12}/)?embed\.js$")
"""At its own address, or under its version."""
_FORM = re.compile(r"(?P<base>.*)/form/(?P<slug>[a-z0-9-]+)/?$")
OPTIONS = {
    "product": "[a-z0-9-]+",
    "mode": "popover|dialog|inline",
    "position": "bottom-end|bottom-start|top-end|top-start",
    "theme": "light|dark|auto",
    "lang": r"[\w-]+",
    "email": ".+",
    "label": ".+",
    "z-index": "-?[0-9]+",
    "launcher": "true|false",
}
"""The attributes of the element, and, behind `data-`, of the script tag; the patterns of their values."""
WANTED = {"product": "the product's slug", "lang": "a language tag, as in pt-BR", "z-index": "a whole number"}
"""What a pattern does not say by itself."""


@dataclass(frozen=True, slots=True)
class Embed:
    """One embedding: through the script, or in a plain frame. `base` is the service's address, without a slash."""

    kind: str
    base: str
    product: str
    element: Element | None = None

    @property
    def loader(self) -> str:
        """The script's address."""
        return f"{self.base}/embed.js"

    @property
    def form(self) -> str:
        """The form's address."""
        return f"{self.base}/form/{self.product}"


def address(visit: Visit, value: str) -> str:
    """An address in the page, made whole; empty when it is none."""
    base = next((each["href"] for each in visit.root.all("base") if each["href"]), "")
    try:
        return urljoin(urljoin(visit.url, base), value.strip())
    except ValueError:
        return ""


def find(visit: Visit) -> tuple[Embed, ...]:
    """All embeddings that stand in the HTML."""
    return (*_scripts(visit), *_frames(visit))


def _scripts(visit: Visit) -> Iterator[Embed]:
    elements = [each["product"] for each in visit.root.all("insider-feedback") if each["product"]]
    for script in visit.root.all("script"):
        whole = address(visit, script["src"]) if script["src"] else ""
        if urlsplit(whole).path.endswith("/embed.js"):
            base = _LOADER.sub("", whole.partition("?")[0])
            named = [script["data-product"]] if script["data-product"] else []
            for product in dict.fromkeys(named + elements) or [""]:
                yield Embed("script", base, product, script)


def _frames(visit: Visit) -> Iterator[Embed]:
    for frame in visit.root.all("iframe"):
        whole = address(visit, frame["src"]) if frame["src"] else ""
        if match := _FORM.fullmatch(whole.partition("?")[0].partition("#")[0]):
            yield Embed("frame", match["base"], match["slug"], frame)


def written_by_script(visit: Visit) -> bool:
    """Whether a script in the page mentions the loader, and may put it there."""
    scripts = (script for script in visit.root.all("script") if not script["src"])
    return any("embed.js" in child for script in scripts for child in script.children if isinstance(child, str))


def inner_pages(visit: Visit) -> Iterator[tuple[str, Element]]:
    """Frames of the page that hold pages which may embed the form in their turn."""
    for frame in visit.root.all("iframe"):
        whole = address(visit, frame["src"]) if frame["src"] else ""
        if whole.startswith(("http://", "https://")) and not _FORM.fullmatch(whole.partition("?")[0]):
            yield whole, frame
