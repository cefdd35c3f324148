"""Whether a product's colours can be read: those of its theme, and those that its stylesheet sets by the same names."""

from collections.abc import Iterator, Mapping

from widget.config.sentences import near
from widget.theming.colours import contrast, nearest
from widget.theming.themes import MODES, NEEDS, Mode, Palette, Theme, palette, shortfalls
from widget.tools.check import paint
from widget.tools.check.css import Set, Sheet
from widget.tools.findings import Finding, sentence

_PREFIX = "--feedback-"
_LENGTHS = ("radius", "space")
_UNUSABLE = "Correct it: without a value that fits, the rules that use it have no effect."


def check_theme(theme: Theme, at: str) -> Iterator[Finding]:
    """The colours that `widget.toml` sets."""
    for shortfall in shortfalls(theme):
        fix = f'Set {shortfall.name} = {{{shortfall.mode} = "{shortfall.nearest}"}}, the nearest that passes.'
        message, _, _ = str(shortfall).partition(";")
        yield Finding(
            "contrast.theme",
            sentence(message),
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
        elif problem := _unusable(token, each):
            yield Finding("contrast.token", problem, _UNUSABLE, f"{sheet.name}:{each.line}")
        for mode in MODES:
            painted = paint.paint(each.tokens, mode, palette(theme, mode) | chosen[mode])
            if painted is None:
                continue
            colour, opacity = painted
            chosen[mode][token] = paint.over(colour, opacity, palette(theme, mode)["surface"])
    for mode in MODES:
        yield from _weak(palette(theme, mode) | chosen[mode], frozenset(chosen[mode]), mode, sheet.name, lines)


def _unusable(token: str, each: Set) -> str:
    """What is wrong with the value of a custom property; empty unless that is sure."""
    parts = [part for part in each.tokens if part.type not in ("whitespace", "comment")]
    if len(parts) != 1:
        return ""
    (part,) = parts
    if token in palette(Theme(), "light") and not paint.may_be_colour(part):
        return f"{each.name} is no colour: {each.value}."
    if token in _LENGTHS and part.type == "number" and part.value:
        return f"{each.name} is no length: {each.value}."
    return ""


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
