"""Derives the form's colours from a product's few choices, and checks that they are legible.

A theme is a handful of tokens. The others follow by the same mixing as in `static/form.css`, and are adjusted until
they have the contrast that they need. Chosen colours are never changed; `shortfalls` names those with too little
contrast, each with the nearest colour that passes.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from widget.theming.colours import Colour, contrast, least_contrast, nearest

AA_TEXT = 4.5
AA_PARTS = 3.0
"""The contrast that WCAG 2 AA requires of text (1.4.3) and of parts of controls (1.4.11)."""

Mode = Literal["light", "dark"]
MODES: tuple[Mode, ...] = ("light", "dark")

_LENGTH = re.compile(r"(0|[0-9]*\.?[0-9]+(px|rem|em))")
_FONT = re.compile(r"""[\w\s.,'"-]{1,300}""")


@dataclass(frozen=True, slots=True)
class Pair:
    """A colour for light mode and one for dark mode. None means ours, or one derived from the other choices."""

    light: Colour | None = None
    dark: Colour | None = None

    def of(self, mode: Mode) -> Colour | None:
        """The colour for a mode."""
        return self.light if mode == "light" else self.dark


def _pair(value: Any) -> Pair:
    """A string is the colour for light mode; a table has either or both."""
    if isinstance(value, Pair):
        return value
    given = {"light": value} if isinstance(value, str) else value
    if not isinstance(given, dict) or not given or not given.keys() <= {"light", "dark"}:
        raise ValueError('write a colour, or {light = "#…", dark = "#…"}')
    if not all(isinstance(colour, str) for colour in given.values()):
        raise ValueError("a colour is a text such as #2f4e86")
    return Pair(**{mode: Colour.read(colour).rounded() for mode, colour in given.items()})


def _length(value: Any) -> str:
    text = f"{value:g}px" if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _LENGTH.fullmatch(text):
        raise ValueError("write a length such as 12px or .75rem")
    return text


def _font(value: str) -> str:
    if not _FONT.fullmatch(value) or value.count('"') % 2 or value.count("'") % 2 or "\n" in value:
        raise ValueError("write names of typefaces, with commas between them")
    return value


_Colours = Annotated[Pair | None, BeforeValidator(_pair)]
_Length = Annotated[str | None, BeforeValidator(_length)]


class Theme(BaseModel):
    """A product's theme, as in `[products.SLUG.theme]` of `widget.toml`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True, populate_by_name=True
    )

    accent: Annotated[_Colours, Field(description="Buttons, links and selected controls.")] = None
    surface: Annotated[_Colours, Field(description="The background of the form.")] = None
    text: Annotated[_Colours, Field(description="Text.")] = None
    radius: Annotated[_Length, Field(description="Rounding of the corners, such as `12px`.")] = None
    font: Annotated[
        Annotated[str, AfterValidator(_font)] | None, Field(description="Fonts; without this key, the system's.")
    ] = None
    space: Annotated[
        _Length,
        Field(
            validation_alias=AliasChoices("space", "spacing"),
            description="The unit of all spacing, `4px` by default; also called `spacing`.",
        ),
    ] = None
    density: Annotated[
        float | None, Field(ge=0.7, le=1.5, description="Multiplies all spacing; `0.85` is compact.")
    ] = None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A chosen colour with too little contrast. `nearest` is the closest colour that passes, or None."""

    name: str
    mode: Mode
    colour: Colour
    ground: str
    ratio: float
    needed: float
    nearest: Colour | None

    def __str__(self) -> str:
        fix = f"; {self.nearest} passes" if self.nearest else f"; no shade of it passes, choose another {self.ground}"
        return (
            f"{self.name} {self.colour} on {self.ground} has a contrast of {self.ratio:.2f} in {self.mode}, "
            f"and needs {self.needed:g}{fix}"
        )


def _hex(light: str, dark: str) -> Mapping[Mode, Colour]:
    return {"light": Colour.read(light), "dark": Colour.read(dark)}


Palette = dict[str, Colour]
_Rule = Callable[[Palette, Mode], Colour]


def _fixed(light: str, dark: str) -> _Rule:
    colours = _hex(light, dark)
    return lambda palette, mode: colours[mode]


def _mixed(name: str, light: tuple[float, str], dark: tuple[float, str]) -> _Rule:
    shares = {"light": light, "dark": dark}
    return lambda palette, mode: palette[name].mix(shares[mode][0], Colour.read(shares[mode][1]))


def _accent_text(palette: Palette, mode: Mode) -> Colour:
    _, chroma, hue = palette["accent"].lch
    return palette["accent"] if mode == "light" else Colour.oklch(0.8204, chroma * 0.556, hue + 1)


def _accent_soft(palette: Palette, mode: Mode) -> Colour:
    hue = palette["accent"].lch[2]
    return Colour.oklch(0.966, 0.0103, hue) if mode == "light" else Colour.oklch(0.2972, 0.0291, hue)


RULES: Mapping[str, _Rule] = {
    "surface": _fixed("#fff", "#1f1d1b"),
    "field": _mixed("surface", (0.85, "#fff"), (0.85, "#4e4c43")),
    "subtle": _mixed("surface", (0.85, "#cabca8"), (0.85, "#686057")),
    "text": _fixed("#26221d", "#f3efe9"),
    "accent": _fixed("#2f4e86", "#4b6ebd"),
    "page": _fixed("#efece7", "#121110"),
    "danger-soft": _fixed("#fdf2f0", "#3a2320"),
    "notice-soft": _fixed("#fdf6e6", "#332a18"),
    "accent-soft": _accent_soft,
    "muted": _mixed("text", (0.65, "#e0d0c0"), (0.65, "#4a3b27")),
    "border": _mixed("surface", (0.4, "#443725"), (0.4, "#d3c7b6")),
    "on-accent": _fixed("#fff", "#fff"),
    "accent-hover": _mixed("accent", (0.8, "#021227"), (0.9, "#7da0ef")),
    "accent-pressed": _mixed("accent", (0.6, "#051227"), (0.9, "#23326d")),
    "accent-text": _accent_text,
    "focus": _fixed("#3766bd", "#b8ccfb"),
    "danger": _fixed("#b3261e", "#ffb4a9"),
    "success": _fixed("#1d6b48", "#8fd8b1"),
    "notice": _fixed("#7a5200", "#f3c56b"),
}
"""Each colour as `static/form.css` defines it, in an order in which every colour comes after those it depends on."""

NEEDS: Mapping[str, tuple[float, tuple[str, ...]]] = {
    "text": (AA_TEXT, ("surface", "field", "subtle")),
    "accent": (AA_PARTS, ("surface",)),
    "muted": (AA_TEXT, ("surface", "field", "subtle")),
    "border": (AA_PARTS, ("surface", "field")),
    "accent-text": (AA_TEXT, ("surface", "field", "subtle", "accent-soft")),
    "focus": (AA_PARTS, ("surface", "field", "subtle")),
    "danger": (AA_TEXT, ("surface", "field", "danger-soft")),
    "success": (AA_TEXT, ("surface", "field", "subtle")),
    "notice": (AA_PARTS, ("notice-soft",)),
}
"""The contrast that each colour needs, and the backgrounds it appears on."""

_TINTS = {"danger-soft": "danger", "notice-soft": "notice", "accent-soft": "accent"}
_INK = Colour.read("#26221d")
_BLACK, _WHITE = Colour(0, 0, 0), Colour(1, 1, 1)


def _chosen(theme: Theme, mode: Mode) -> Palette:
    """The colours that a team chose for a mode. An accent chosen only for light mode applies in dark mode as well."""
    pairs = {"surface": theme.surface, "text": theme.text, "accent": theme.accent}
    return {name: colour for name, pair in pairs.items() if pair and (colour := pair.of(mode))}


def palette(theme: Theme, mode: Mode) -> Palette:
    """Every colour of the form in a mode."""
    chosen = _chosen(theme, mode)
    if "accent" not in chosen and theme.accent and theme.accent.light:
        inherited: Palette = {"accent": theme.accent.light}
    else:
        inherited = {}
    colours: Palette = {}
    for name, rule in RULES.items():
        if name in chosen:
            colours[name] = chosen[name]
        else:
            follows = inherited.get(name) or rule(colours, mode).rounded()
            colours[name] = _legible(name, follows, colours, "surface" in chosen)
    return colours


def _legible(name: str, colour: Colour, colours: Palette, has_surface: bool) -> Colour:
    """Adjust `colour`, which nobody chose, until it has the contrast that it needs with the chosen colours."""
    if name == "page" and has_surface:
        is_dark = colours["surface"].luminance < colours["text"].luminance
        return colours["surface"].mix(0.6 if is_dark else 0.94, _BLACK if is_dark else colours["text"]).rounded()
    if name in _TINTS and contrast(colours["text"], colour) < AA_TEXT:
        tint = RULES[_TINTS[name]](colours, "light") if name != "accent-soft" else colours["accent"]
        return colours["surface"].mix(0.92, tint).rounded()
    if name == "on-accent":
        return next((ink for ink in (colour, _INK) if contrast(ink, colours["accent"]) >= AA_TEXT), _BLACK)
    if name in ("accent-hover", "accent-pressed"):
        return _readable_ground(colour, colours)
    if name not in NEEDS:
        return colour
    ratio, grounds = NEEDS[name]
    return _lifted(colour, [colours[ground] for ground in grounds], ratio)


def _readable_ground(colour: Colour, colours: Palette) -> Colour:
    """A shade of the accent on which its text is legible: the usual one, or one further from the text colour."""
    words = colours["on-accent"]
    if contrast(colour, words) >= AA_TEXT:
        return colour
    away = _WHITE if words.luminance < colours["accent"].luminance else _BLACK
    return colours["accent"].mix(0.88, away).rounded()


def _lifted(colour: Colour, grounds: list[Colour], ratio: float) -> Colour:
    if least_contrast(colour, grounds) >= ratio:
        return colour
    best = max((_BLACK, _WHITE), key=lambda end: least_contrast(end, grounds))
    return nearest(colour, grounds, ratio) or best


def shortfalls(theme: Theme) -> tuple[Shortfall, ...]:
    """Every chosen colour that fails WCAG AA."""
    return tuple(shortfall for mode in MODES for shortfall in _shortfalls(theme, mode))


def _shortfalls(theme: Theme, mode: Mode) -> Iterator[Shortfall]:
    colours, chosen = palette(theme, mode), _chosen(theme, mode)
    for name in ("text", "accent"):
        ratio, grounds = NEEDS[name]
        ground = min(grounds, key=lambda ground: contrast(colours[name], colours[ground]))
        found = contrast(colours[name], colours[ground])
        if name in chosen and found < ratio:
            fix = nearest(colours[name], [colours[each] for each in grounds], ratio)
            yield Shortfall(name, mode, colours[name], ground, found, ratio, fix)


def stylesheet(theme: Theme) -> str:
    """The theme as CSS, in the layer of our tokens, so that a product's own plain rules win. Empty without choices."""
    lines = (*_colour_lines(theme), *_other_lines(theme))
    if not lines:
        return ""
    plain = _plain_lines(theme)
    return "@layer feedback.tokens {\n" + _rule(lines) + (_PLAIN.format(_rule(plain)) if plain else "") + "}\n"


def _rule(lines: Sequence[tuple[str, str]]) -> str:
    return "  :root {\n" + "".join(f"    --feedback-{name}: {value};\n" for name, value in lines) + "  }\n"


_PLAIN = "  @supports not ((color: light-dark(red, red)) and (color: oklch(from red l c h))) {{\n{}  }}\n"
"""For browsers in which `static/form.css` uses its light colours."""


def _plain_lines(theme: Theme) -> Sequence[tuple[str, str]]:
    """Every colour of light mode, where any was chosen."""
    if not (theme.accent or theme.surface or theme.text):
        return ()
    return tuple((name, str(colour)) for name, colour in palette(theme, "light").items())


def version(theme: Theme) -> str:
    """A version that changes with the stylesheet; empty without one."""
    sheet = stylesheet(theme)
    return hashlib.sha256(sheet.encode()).hexdigest()[:12] if sheet else ""


def _colour_lines(theme: Theme) -> Iterator[tuple[str, str]]:
    """The chosen colours, and those that would have too little contrast if CSS alone derived them."""
    if not (theme.accent or theme.surface or theme.text):
        return
    ours = {mode: palette(theme, mode) for mode in MODES}
    mixed = {mode: _as_css_mixes(ours[mode], mode) for mode in MODES}
    for name in RULES:
        light, dark = ours["light"][name], ours["dark"][name]
        if any(str(ours[mode][name]) != str(mixed[mode][name]) for mode in MODES):
            yield name, str(light) if str(light) == str(dark) else f"light-dark({light}, {dark})"


def _as_css_mixes(colours: Palette, mode: Mode) -> Palette:
    return {name: rule(colours, mode).rounded() for name, rule in RULES.items()}


def _other_lines(theme: Theme) -> Iterator[tuple[str, str]]:
    if theme.radius is not None:
        yield "radius", theme.radius
    if theme.font is not None:
        yield "font", theme.font
    if theme.density is not None:
        yield "density", f"{theme.density:g}"
    if theme.space is not None:
        yield "space", f"calc({theme.space} * var(--feedback-density))"
