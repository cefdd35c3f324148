"""Checks what the page's own Content-Security-Policy would block, and what would be loaded from another server."""

import posixpath
import re
from collections.abc import Collection, Iterator
from urllib.parse import unquote, urlsplit

from widget.tools.check.page import Page
from widget.tools.findings import Finding
from widget.tools.markup import Element

_FETCHES = {
    "src": None, "srcset": None, "poster": None, "background": None, "data": ("object",), "action": None,
    "formaction": None, "href": ("link", "use", "image", "base", "script"), "xlink:href": None, "ping": None,
}  # fmt: skip
"""Attributes that make a browser load something, on the given tags or on all."""
_NEVER = ("iframe", "object", "embed", "base", "applet", "frame", "portal")
_URL = re.compile(r"""url\(\s*["']?\s*([^"')]+)|@import\s+["']([^"']+)""", re.IGNORECASE)
_HEIGHT = re.compile(
    r"(?<![\w-])((?:min-)?(?:height|block-size))\s*:\s*([^;{}]*?\d(?:[sld]?v(?:h|b|min|max)\b)[^;{}]*)", re.IGNORECASE
)
_RELATIVE = re.compile(r"(?![a-z][a-z0-9+.-]*:|[/\\#?]|\d+(\.\d+)?[wx]$)\S", re.IGNORECASE)
"""An address that depends on the page's own; neither an anchor, nor a query, nor a size in `srcset`."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DATA_SCRIPTS = ("application/json", "application/ld+json")


def check(page: Page) -> Iterator[Finding]:
    """What would be blocked, or loads from elsewhere."""
    for element in page.root.all(inert=True):
        yield from _inline(element)
        for name in element.attributes:
            if name in _FETCHES and ((tags := _FETCHES[name]) is None or element.tag in tags):
                yield from _address(element, name)
        if element.tag in ("a", "area"):
            yield from _link(element)
        if element.tag in _NEVER or (element.tag == "meta" and "http-equiv" in element):
            fix = "Remove it. The form's own policy forbids it."
            yield Finding("policy.element", f"<{element.tag}> is not allowed here.", fix, clue=f"<{element.tag}")


def _inline(element: Element) -> Iterator[Finding]:
    if element.tag == "script" and not element["src"] and element["type"] not in _DATA_SCRIPTS:
        fix = "Remove it. The form's script is the only one."
        yield Finding("policy.script", "There is a script in the page. Browsers block it.", fix, clue="<script")
    if element.tag == "style":
        fix = "Put the rules into static/products/SLUG/product.css."
        yield Finding("policy.style", "There are styles in the page. Browsers block them.", fix, clue="<style")
    if "style" in element:
        fix = "Put the rule into static/products/SLUG/product.css, with a class of your own."
        yield Finding("policy.style", f"<{element.tag}> has a style attribute. Browsers block it.", fix, clue="style=")
    for name, value in element.attributes.items():
        if name.startswith("on"):
            message = f"<{element.tag}> has {name}; it is blocked."
            yield Finding("policy.handler", message, "Leave it out.", clue=f"{name}=")
        elif value.strip().lower().startswith(("javascript:", "vbscript:")):
            message = f"<{element.tag}> has a script as {name}; it is blocked."
            yield Finding("policy.handler", message, "Leave it out.", clue=value[:20])


def foreign(address: str) -> bool:
    """Whether an address is on another server."""
    try:
        parts = urlsplit(address.strip().replace("\\", "/"))
    except ValueError:
        return True
    return bool(parts.netloc) or parts.scheme in ("http", "https", "ftp", "ws", "wss")


def _astray(address: str) -> bool:
    """Whether an address leads to something beside a page, where nothing is. Our pages name each other from above."""
    return bool(_RELATIVE.match(address)) and not address.startswith("../")


def _address(element: Element, name: str) -> Iterator[Finding]:
    value = element[name]
    parts = re.split(r",\s+|\s+", value) if name in ("srcset", "ping") else [value]
    for part in parts:
        fix = 'Put the file into static/products/SLUG/ and write {{ asset("NAME") }}.'
        if _astray(part):
            yield Finding("policy.nowhere", f"<{element.tag}> asks for {part}, which is nowhere.", fix, clue=part)
        if not foreign(part):
            continue
        if element.tag == "form" or name == "formaction":
            fix = 'Leave it: action="{{ address }}".'
        message = f"<{element.tag}> loads something from another server: {part}"
        yield Finding("policy.foreign", message, fix, clue=part)


def _link(element: Element) -> Iterator[Finding]:
    """A link may open another page, but not inside the frame, and not one beside the form."""
    if _astray(element["href"]):
        fix = 'Write the whole address, with target="_blank" rel="noopener".'
        yield Finding(
            "policy.nowhere", f"A link leads to {element['href']}, which is nowhere.", fix, clue=element["href"]
        )
    if not foreign(element["href"]):
        return
    if element["target"] != "_blank" or "noopener" not in element["rel"]:
        message = f"A link opens another page inside the frame: {element['href']}"
        yield Finding("policy.link", message, 'Give it target="_blank" rel="noopener".', clue=element["href"])


def check_stylesheet(css: str, name: str, files: Collection[str]) -> Iterator[Finding]:
    """The same for a product's stylesheet. `files` are those beside it, in `static/`, by their paths there."""
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), css)
    for match in _HEIGHT.finditer(bare):
        line = bare.count("\n", 0, match.start()) + 1
        message = f"{match[1]} is relative to the window, which in a frame is as high as the form itself: {match[2]}"
        fix = "Use rem, or leave it out. The frame follows the form's height, so the form must not follow the frame's."
        yield Finding("policy.viewport", message, fix, f"{name}:{line}", "notice")
    for match in _URL.finditer(bare):
        address = match[1] or match[2]
        line = bare.count("\n", 0, match.start()) + 1
        if foreign(address):
            fix = "Put the file beside the stylesheet, and use its name only."
            message = f"The stylesheet loads something from another server: {address}"
            yield Finding("policy.foreign", message, fix, f"{name}:{line}")
        elif match[0].lower().startswith("@import"):
            fix = "Put all rules into product.css. With an import, people wait twice."
            yield Finding("policy.import", f"The stylesheet imports {address}.", fix, f"{name}:{line}", "notice")
        elif _RELATIVE.match(address) and _beside(name, address) not in files:
            fix = "Put the file beside the stylesheet, or correct its name."
            yield Finding("policy.nowhere", f"There is no file {address}.", fix, f"{name}:{line}")


def _beside(name: str, address: str) -> str:
    """The path, in `static/`, of a file that a stylesheet names."""
    path = re.split(r"[?#]", unquote(address.strip()), maxsplit=1)[0]
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path)).removeprefix("static/")
