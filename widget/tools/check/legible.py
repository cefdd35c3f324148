"""Checks the contrast of a page's texts in the colours of a product's own rules."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product

from widget.config import resources
from widget.theming.colours import Colour, contrast, nearest
from widget.theming.themes import AA_PARTS, AA_TEXT, MODES, Mode, Palette
from widget.tools.check import css, paint
from widget.tools.check.cascade import Applied, Cascade
from widget.tools.findings import Finding
from widget.tools.markup import Element

_GROUNDS = ("background", "background-color")
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+)(px|r?em)")
_LARGE = 24
"""Pixels from which 3:1 is enough (WCAG 2.2, 1.4.3)."""


@cache
def ours() -> css.Sheet:
    """Our own stylesheet."""
    return css.read(resources.content(resources.path("static") / "form.css").decode(), "form.css")


def check(root: Element, cascade: Cascade, palettes: dict[Mode, Palette], name: str) -> Iterator[Finding]:
    """Words with too little contrast, where a rule of the product chose one of the colours."""
    reported = set()
    for element in root.all():
        if not any(isinstance(child, str) and child.strip() for child in element.children) and element.tag not in (
            "input",
            "textarea",
        ):
            continue
        for mode, state in product(MODES, cascade.states):
            for finding in _weak(element, cascade, palettes[mode], mode, state, name):
                if finding.at not in reported:
                    reported.add(finding.at)
                    yield finding


def _weak(element: Element, cascade: Cascade, palette: Palette, mode: Mode, state: str, name: str) -> Iterator[Finding]:
    by_words, words = _words(element, cascade, palette, mode, state)
    by_ground, ground = _ground(element, cascade, palette, mode, state)
    faded = _faded(element, cascade, mode, state)
    chosen = next((each for each in (faded, by_words, by_ground) if each is not None and each.is_own), None)
    if words is None or ground is None or chosen is None:
        return
    seen = paint.over(words, faded.set.share if faded else 1.0, ground)
    needed = AA_PARTS if _is_large(element, cascade) else AA_TEXT
    found = contrast(seen, ground)
    if found < needed:
        fix = nearest(words, [ground], needed)
        when = f", with :{state}" if state else ""
        what = " ".join(element.text.split()[:4]) or element["name"]
        message = f"“{what}” is {seen} on {ground}: a contrast of {found:.2f} in {mode}{when}; {needed:g} is needed."
        advice = (
            "Give it more opacity." if chosen is faded else f"{fix} passes." if fix else "Choose another background."
        )
        yield Finding("contrast.rule", message, advice, f"{name}:{chosen.set.line}")


def _words(
    element: Element, cascade: Cascade, palette: Palette, mode: Mode, state: str
) -> tuple[Applied | None, Colour | None]:
    """The colour of an element's words, and the declaration that sets it; colours are inherited."""
    for each in (element, *element.up()):
        found = cascade.shown(each, mode, state, "color")
        if found is not None and found.set.value.lower() not in ("inherit", "currentcolor", "unset"):
            painted = paint.paint(found.set.tokens, mode, palette)
            return found, painted[0] if painted and painted[1] > 0.98 else None
    return None, palette["text"]


def _ground(
    element: Element, cascade: Cascade, palette: Palette, mode: Mode, state: str
) -> tuple[Applied | None, Colour | None]:
    """What an element lies on: the nearest ground that is painted, and the declaration that paints it."""
    for each in (element, *element.up()):
        found = cascade.shown(each, mode, state, *_GROUNDS)
        if found is None or found.set.value.lower() in ("none", "transparent", "inherit", "unset", "0", "0 0"):
            continue
        painted = paint.paint(found.set.tokens, mode, palette)
        if painted is None:
            return found, None
        if painted[1] > 0.98:
            return found, painted[0]
        if painted[1] > 0.02:
            return found, None
    return None, palette["surface"]


def _faded(element: Element, cascade: Cascade, mode: Mode, state: str) -> Applied | None:
    for each in (element, *element.up()):
        found = cascade.shown(each, mode, state, "opacity")
        if found is not None and found.is_own and 0.1 <= found.set.share < 1:
            return found
    return None


def _is_large(element: Element, cascade: Cascade) -> bool:
    for each in (element, *element.up()):
        found = cascade.winner(each, "font-size")
        if found is not None:
            match = _LENGTH.fullmatch(found.set.value)
            return match is not None and float(match[1]) * (1 if match[2] == "px" else 16) >= _LARGE
    return False
