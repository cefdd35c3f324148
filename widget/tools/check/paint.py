"""Colours as stylesheets write them: names, functions, `light-dark()`, and the form's own custom properties."""

from collections.abc import Mapping, Sequence
from typing import Any

import tinycss2
from tinycss2.color5 import parse_color

from widget.theming.colours import Colour
from widget.theming.themes import Mode, Palette

_PREFIX = "--feedback-"
_KEYWORDS = frozenset(
    ("inherit", "initial", "revert", "revert-layer", "unset", "accentcolor", "accentcolortext", "activetext",
     "buttonborder", "buttonface", "buttontext", "canvas", "canvastext", "field", "fieldtext", "graytext", "highlight",
     "highlighttext", "linktext", "mark", "marktext", "selecteditem", "selecteditemtext", "visitedtext")
)  # fmt: skip
"""What a browser, not the stylesheet, gives a colour."""


def paint(tokens: Sequence[Any], mode: Mode, palette: Palette) -> tuple[Colour, float] | None:
    """The first colour among the components of a value, and its opacity (0 … 1); None where that cannot be known."""
    for token in tokens:
        if token.type == "function" and token.lower_name == "var":
            name = next((each.value for each in token.arguments if each.type == "ident"), "")
            colour = palette.get(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None
            return (colour, 1.0) if colour else None
        if token.type == "function" and token.lower_name == "light-dark":
            halves = _halves(token.arguments)
            return paint(halves[mode], mode, palette) if halves else None
        if token.type == "url" or (
            token.type == "function" and token.lower_name.endswith(("gradient", "mix", "url", "set"))
        ):
            return None
        if (found := _plain(token)) is not None:
            return found
    return None


def read(value: str, mode: Mode) -> tuple[Colour, float] | None:
    """The same of a text."""
    return paint(tinycss2.parse_component_value_list(value, skip_comments=True), mode, {})


def may_be_colour(token: Any) -> bool:
    """Whether a value's only component is a colour, or may turn out to be one."""
    if token.type in ("function", "{} block") or (token.type == "ident" and token.lower_value in _KEYWORDS):
        return True
    return token.type in ("ident", "hash") and parse_color(token) is not None


def over(front: Colour, opacity: float, ground: Colour) -> Colour:
    """What a colour looks like on an opaque ground."""
    return front.mix(opacity, ground).rounded()


def _plain(token: Any) -> tuple[Colour, float] | None:
    if token.type not in ("ident", "hash", "function"):
        return None
    found = parse_color(token)
    if found is None or isinstance(found, str):
        return None
    try:
        red, green, blue = (min(1.0, max(0.0, channel)) for channel in found.to("srgb").coordinates)
    except (NotImplementedError, TypeError):
        return _ours(token)
    return Colour(red, green, blue), float(found.alpha)


def _ours(token: Any) -> tuple[Colour, float] | None:
    """OKLCH, which tinycss2 reads but does not convert."""
    try:
        return Colour.read(tinycss2.serialize([token])), 1.0
    except ValueError:
        return None


def _halves(arguments: Sequence[Any]) -> Mapping[Mode, list[Any]] | None:
    commas = [at for at, each in enumerate(arguments) if each.type == "literal" and each.value == ","]
    if len(commas) != 1:
        return None
    return {"light": list(arguments[: commas[0]]), "dark": list(arguments[commas[0] + 1 :])}
