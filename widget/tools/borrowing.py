"""The look of a host page, as far as a theme can take it on: accent, typeface and corners from the page's own CSS.

The page and its stylesheets are fetched as `doctor` fetches pages: bounded in time, size and redirects. What is found
is a proposal. An accent that would be hard to see is moved to the nearest shade that is not.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import tinycss2
from pydantic import ValidationError

from widget.errors import WidgetError
from widget.theming.colours import Colour
from widget.theming.themes import Theme, shortfalls
from widget.tools.check import css, paint
from widget.tools.check.css import Rule
from widget.tools.doctor.visits import Failure, Visit, client, fetch
from widget.tools.markup import Element
from widget.tools.scaffold import Look

MAX_SHEETS = 8
"""Stylesheets of a page that are read, in their order."""
MOST_RADIUS = 20
"""Pixels. A page's buttons may be pills; a text field may not."""
_LEAST_CHROMA = 0.035
"""Below it a colour is a grey, which is nobody's accent."""
_NAMED = re.compile(
    r"--[\w-]*?(accent|primary|brand)(?![\w-]*(text|on-|-on|fg|foreground|contrast|hover|active))[\w-]*"
)
_GROUNDS = ("background", "background-color")
_BUTTON = re.compile(r"(^|[\s,>.\[])(button|btn|cta)|type=.?submit", re.IGNORECASE)
_FIRST_BUTTON = re.compile(r"primary|submit|cta|main", re.IGNORECASE)
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+)(px|rem|em)")


class Unreadable(WidgetError):
    """The page cannot be read. The message says why."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """The look that is proposed, and a sentence about each part of it."""

    look: Look
    said: tuple[str, ...]


async def borrow(url: str) -> Borrowed:
    """The look of the page at `url`. Raises Unreadable."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise Unreadable(f"{url!r} is not the address of a page; write https://host/path")
    async with client() as browser:
        page = await fetch(browser, url)
        if isinstance(page, Failure):
            raise Unreadable(f"{url} cannot be read: {page.reason}")
        if page.status >= 400:
            raise Unreadable(f"{url} cannot be read: it answers {page.status}")
        if "html" not in page.headers.get("content-type", "html"):
            raise Unreadable(f"{url} is not an HTML page but {page.headers['content-type']}")
        links = [urljoin(page.url, link["href"]) for link in page.root.all("link") if _is_sheet(link)]
        visits = await asyncio.gather(*(fetch(browser, link, Accept="text/css") for link in links[:MAX_SHEETS]))
    sheets = [visit.body for visit in visits if isinstance(visit, Visit) and visit.status < 400]
    return look_of(page.root, [*sheets, *("".join(map(str, style.children)) for style in page.root.all("style"))])


def _is_sheet(link: Element) -> bool:
    return "stylesheet" in link["rel"].lower().split() and bool(link["href"])


def look_of(root: Element, sheets: Iterable[str]) -> Borrowed:
    """The look of a page with these stylesheets."""
    rules = [rule for text in sheets for rule in css.read(text, "").rules if _is_plain(rule)]
    values = {each.name: each.value for rule in rules for each in rule.sets if each.name.startswith("--")}
    accent, about_accent = _accent(root, rules, values)
    font, radius = _font(rules, values), _radius(rules, values)
    said = [about_accent]
    said.append(f"Typeface: {font}." if font else "No typeface was found; the system's is used.")
    said.append(f"Corners: {radius}." if radius else "No corners were found; ours are used.")
    return Borrowed(Look(str(accent) if accent else "", font, radius), tuple(said))


def _is_plain(rule: Rule) -> bool:
    """Whether a rule applies to a page as it is first seen, in light."""
    where = " ".join((*rule.conditions, rule.selector))
    return not rule.states and not re.search(r"dark|print|hover", where)


def _accent(root: Element, rules: list[Rule], values: Mapping[str, str]) -> tuple[Colour | None, str]:
    """The most likely accent, legible on our form, and a sentence about it."""
    for where, value in _candidates(root, rules, values):
        painted = paint.read(_resolved(value, values), "light")
        if painted is None or painted[1] < 0.9 or painted[0].lch[1] < _LEAST_CHROMA:
            continue
        colour = painted[0].rounded()
        weak = [each for each in shortfalls(Theme.model_validate({"accent": str(colour)})) if each.mode == "light"]
        if not weak:
            return colour, f"Accent: {colour}, from {where}."
        if (better := weak[0].nearest) is not None:
            return better, f"Accent: {better}. The page has {colour} ({where}), too pale to be seen on the form."
    return None, "No accent was found; ours is used."


def _candidates(root: Element, rules: list[Rule], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What may be the accent, the most likely first, and where it stands."""
    yield from ((name, value) for name, value in values.items() if _NAMED.fullmatch(name))
    for rule in _buttons(rules):
        yield from ((rule.selector, each.value) for each in rule.sets if each.name in _GROUNDS)
    yield from (("theme-color", meta["content"]) for meta in root.all("meta") if meta["name"].lower() == "theme-color")
    for rule in rules:
        if re.search(r"(^|[\s,])a(:link|$|,)", rule.selector):
            yield from ((rule.selector, each.value) for each in rule.sets if each.name == "color")


def _buttons(rules: list[Rule]) -> list[Rule]:
    """The rules of buttons, those of the most important ones first."""
    buttons = [rule for rule in rules if _BUTTON.search(rule.selector)]
    return sorted(buttons, key=lambda rule: not _FIRST_BUTTON.search(rule.selector))


def _font(rules: list[Rule], values: Mapping[str, str]) -> str:
    for rule in rules:
        if not re.search(r"(^|[\s,])(body|html|:root)(\s*(,|$))", rule.selector):
            continue
        for each in rule.sets:
            if each.name == "font-family" and (font := _usable_font(_resolved(each.value, values))):
                return font
    return ""


def _usable_font(value: str) -> str:
    font = " ".join(value.split())
    if font.lower() in ("inherit", "initial", "unset", "revert") or "(" in font:
        return ""
    try:
        return Theme.model_validate({"font": font}).font or ""
    except ValidationError:
        return ""


def _radius(rules: list[Rule], values: Mapping[str, str]) -> str:
    found = [each.value for rule in _buttons(rules) for each in rule.sets if each.name == "border-radius"]
    found += [value for name, value in values.items() if re.fullmatch(r"--[\w-]*radius(-base|-md|-default)?", name)]
    for value in found:
        resolved = _resolved(value, values)
        if resolved == "0":
            return "0"
        if match := _LENGTH.fullmatch(resolved):
            pixels = float(match[1]) * (1 if match[2] == "px" else 16)
            return resolved if pixels <= MOST_RADIUS else f"{MOST_RADIUS}px"
    return ""


def _resolved(value: str, values: Mapping[str, str], depth: int = 8) -> str:
    """A value with its custom properties filled in."""
    if depth == 0 or "var(" not in value:
        return value.strip()
    tokens = tinycss2.parse_component_value_list(value)
    parts = []
    for token in tokens:
        if token.type == "function" and token.lower_name == "var":
            name, _, instead = tinycss2.serialize(token.arguments).partition(",")
            parts.append(_resolved(values.get(name.strip(), instead), values, depth - 1))
        else:
            parts.append(tinycss2.serialize([token]))
    return "".join(parts).strip()
