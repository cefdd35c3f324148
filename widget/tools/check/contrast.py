"""Whether a product's colours can be read: those of its theme, and those that its stylesheet sets by the same names."""

from collections.abc import Iterator, Mapping

from widget.config.sentences import near
from widget.theming.colours import contrast, nearest
from widget.theming.themes import MODES, NEEDS, Mode, Palette, Theme, palette, shortfalls
from widget.tools.check import paint
from widget.tools.check.css import Sheet
from widget.tools.findings import Finding

_PREFIX = "--feedback-"


def check_theme(theme: Theme, at: str) -> Iterator[Finding]:
    """The colours that `widget.toml` sets."""
    for shortfall in shortfalls(theme):
        fix = f'Set {shortfall.name} = {{{shortfall.mode} = "{shortfall.nearest}"}}, the nearest that passes.'
        message, _, _ = str(shortfall).partition(";")
        yield Finding(
            "contrast.theme",
            f"{message[:1].upper()}{message[1:]}.",
            fix if shortfall.nearest else f"No shade of it passes. Choose another {shortfall.ground}.",
            f"{at}.theme.{shortfall.name}",
        )


def check_stylesheet(sheet: Sheet, theme: Theme, tokens: frozenset[str]) -> Iterator[Finding]:
    """The colours that the stylesheet sets. `tokens` are the existing names."""
    lines = {}
    chosen: dict[Mode, Palette] = {mode: {} for mode in MODES}
    for each in (each for rule in sheet.rules for each in rule.sets if each.name.startswith(_PREFIX)):
        token = each.name.removeprefix(_PREFIX)
        lines[token] = each.line
        if token not in tokens:
            hint = near(token, tokens)
            fix = f"Did you mean {_PREFIX}{hint}?" if hint else "docs/customising.md lists all of them."
            yield Finding("contrast.token", f"There is no {each.name}.", fix, f"{sheet.name}:{each.line}")
        for mode in MODES:
            painted = paint.paint(each.tokens, mode, palette(theme, mode) | chosen[mode])
            if painted is None:
                continue
            colour, opacity = painted
            chosen[mode][token] = paint.over(colour, opacity, palette(theme, mode)["surface"])
    for mode in MODES:
        yield from _weak(palette(theme, mode) | chosen[mode], frozenset(chosen[mode]), mode, sheet.name, lines)


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
                advice = f"{fix} passes." if fix else f"No shade of it passes. Choose another {ground}."
                yield Finding("contrast.stylesheet", message, advice, f"{name}:{line}")
