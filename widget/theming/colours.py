"""Colours as pure values: parsing, formatting, mixing and contrast.

Mixing is what CSS does with `color-mix(in srgb, …)` and `oklch(from …)`. Contrast is that of WCAG 2. `themes` knows
what a colour is for.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_NUMBER = r"([0-9]*\.?[0-9]+)"
_RGB = re.compile(rf"rgb\(\s*{_NUMBER}\s*[, ]\s*{_NUMBER}\s*[, ]\s*{_NUMBER}\s*\)")
_OKLCH = re.compile(rf"oklch\(\s*{_NUMBER}(%?)\s+{_NUMBER}\s+{_NUMBER}(?:deg)?\s*\)")
_STEP = 0.004
"""The step of the search for the nearest lightness; finer than the eye can see."""


@dataclass(frozen=True, slots=True)
class Colour:
    """An opaque sRGB colour. Each channel is between 0 and 1."""

    red: float
    green: float
    blue: float

    @classmethod
    def read(cls, text: str) -> Self:
        """`#rgb`, `#rrggbb`, `rgb(r g b)` or `oklch(L C H)`. Raises ValueError."""
        text = text.strip()
        if match := _HEX.fullmatch(text):
            digits = match[1] if len(match[1]) == 6 else "".join(digit * 2 for digit in match[1])
            return cls(*(int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)))
        if match := _RGB.fullmatch(text):
            channels = [float(channel) / 255 for channel in match.groups()]
            if max(channels) <= 1:
                return cls(*channels)
        if match := _OKLCH.fullmatch(text):
            lightness = float(match[1]) / (100 if match[2] else 1)
            if lightness <= 1 and float(match[3]) <= 0.5:
                return cls.oklch(lightness, float(match[3]), float(match[4]))
        raise ValueError(f"{text!r} is no colour; write #rrggbb, rgb(r g b) or oklch(L C H)")

    @classmethod
    def oklch(cls, lightness: float, chroma: float, hue: float) -> Self:
        """The colour or, if a screen cannot show it, the nearest one with less chroma."""
        for share in range(100, -1, -2):
            channels = _from_oklch(lightness, chroma * share / 100, hue)
            if all(-0.0005 <= channel <= 1.0005 for channel in channels):
                break
        return cls(*(min(1.0, max(0.0, channel)) for channel in channels))

    def __str__(self) -> str:
        return "#" + "".join(f"{round(channel * 255):02x}" for channel in (self.red, self.green, self.blue))

    @property
    def luminance(self) -> float:
        """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
        red, green, blue = map(_linear, (self.red, self.green, self.blue))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    @property
    def lch(self) -> tuple[float, float, float]:
        """Lightness, chroma and hue in OKLCH."""
        return _to_oklch(self.red, self.green, self.blue)

    def mix(self, share: float, other: "Colour") -> "Colour":
        """`color-mix(in srgb, self share, other)`."""
        return Colour(
            self.red * share + other.red * (1 - share),
            self.green * share + other.green * (1 - share),
            self.blue * share + other.blue * (1 - share),
        )

    def rounded(self) -> "Colour":
        """The colour with the precision in which it is written."""
        return Colour.read(str(self))


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio, from 1 to 21, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    lighter, darker = sorted((one.luminance, other.luminance), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def least_contrast(colour: Colour, grounds: Iterable[Colour]) -> float:
    """The lowest contrast with any of the grounds."""
    return min(contrast(colour, ground) for ground in grounds)


def nearest(colour: Colour, grounds: Iterable[Colour], ratio: float) -> Colour | None:
    """The colour of the same hue with the nearest lightness that reaches `ratio` on every ground; None if there is
    none."""
    grounds = tuple(grounds)
    lightness, chroma, hue = colour.lch
    for steps in range(round(1 / _STEP) + 1):
        for moved in (lightness - steps * _STEP, lightness + steps * _STEP):
            if -_STEP < moved < 1 + _STEP:
                found = Colour.oklch(min(1.0, max(0.0, moved)), chroma, hue).rounded()
                if least_contrast(found, grounds) >= ratio:
                    return found
    return None


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _encoded(channel: float) -> float:
    sign, size = math.copysign(1, channel), abs(channel)
    return sign * (12.92 * size if size <= 0.0031308 else 1.055 * size ** (1 / 2.4) - 0.055)


# https://bottosson.github.io/posts/oklab/


def _to_oklch(*encoded: float) -> tuple[float, float, float]:
    red, green, blue = map(_linear, encoded)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def _from_oklch(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _encoded(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _encoded(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _encoded(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )
