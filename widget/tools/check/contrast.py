"""Whether a product's colours can be read: those of its theme, and those that its stylesheet sets by the same names."""

import difflib
import re
from collections.abc import Iterator, Mapping

from widget.theming.colours import Colour, contrast, nearest
from widget.theming.themes import MODES, NEEDS, Mode, Palette, Theme, palette, shortfalls
from widget.tools.findings import Finding

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(r"--feedback-([\w-]+)\s*:\s*([^;}]+)")
_LIGHT_DARK = re.compile(r"light-dark\((.*)\)", re.DOTALL)


def check_theme(theme: Theme, at: str) -> Iterator[Finding]:
    """What `widget.toml` chose."""
    for shortfall in shortfalls(theme):
        fix = f'Set {shortfall.name} = {{{shortfall.mode} = "{shortfall.nearest}"}}, the nearest that passes.'
        message, _, _ = str(shortfall).partition(";")
        yield Finding(
            "contrast.theme",
            f"{message[:1].upper()}{message[1:]}.",
            fix if shortfall.nearest else f"No shade of it passes: choose another {shortfall.ground}.",
            f"{at}.theme.{shortfall.name}",
        )


def check_stylesheet(css: str, name: str, theme: Theme, tokens: frozenset[str]) -> Iterator[Finding]:
    """What the stylesheet sets. `tokens` are the names that there are."""
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), css)
    lines = {}
    chosen: dict[Mode, Palette] = {mode: {} for mode in MODES}
    for match in _TOKEN.finditer(bare):
        token, line = match[1], bare.count("\n", 0, match.start()) + 1
        lines[token] = line
        if token not in tokens:
            near = difflib.get_close_matches(token, tokens, 1)
            fix = f"Did you mean --feedback-{near[0]}?" if near else "docs/customising.md lists all of them."
            yield Finding("contrast.token", f"There is no --feedback-{token}.", fix, f"{name}:{line}")
        for mode, colour in _colours(match[2].strip()).items():
            chosen[mode][token] = colour
    for mode in MODES:
        yield from _weak(palette(theme, mode) | chosen[mode], frozenset(chosen[mode]), mode, name, lines)


def _weak(
    colours: Palette, chosen: frozenset[str], mode: Mode, name: str, lines: Mapping[str, int]
) -> Iterator[Finding]:
    """The pairs that the stylesheet made too weak: it set one of both."""
    needs = {**NEEDS, "on-accent": (4.5, ("accent", "accent-hover", "accent-pressed"))}
    for token, (needed, grounds) in needs.items():
        for ground in grounds:
            found = contrast(colours[token], colours[ground])
            mine = {token, ground} & chosen
            if mine and found < needed:
                fix = nearest(colours[token], [colours[ground]], needed)
                message = (
                    f"--feedback-{token} {colours[token]} on {ground} {colours[ground]} has a contrast of {found:.2f} "
                    f"in {mode}, and needs {needed:g}."
                )
                line = lines[token if token in mine else ground]
                told = f"{fix} passes." if fix else f"No shade of it passes: choose another {ground}."
                yield Finding("contrast.stylesheet", message, told, f"{name}:{line}")


def _colours(value: str) -> dict[Mode, Colour]:
    """What a value is in each mode, as far as it is a plain colour."""
    if match := _LIGHT_DARK.fullmatch(value):
        parts = re.split(r",(?![^()]*\))", match[1])
        pairs = zip(MODES, parts, strict=False)
    else:
        pairs = zip(MODES, (value, value), strict=True)
    found: dict[Mode, Colour] = {}
    for mode, part in pairs:
        try:
            found[mode] = Colour.read(part.strip())
        except ValueError:
            continue
    return found
