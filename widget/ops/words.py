"""Formats figures for operators, in a terminal and on a page."""

import json
import re
from datetime import UTC, datetime
from typing import Any

_INVISIBLE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def duration(seconds: float) -> str:
    """A period in the largest unit that fits, rounded down, such as 3d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def seconds(value: float) -> str:
    """A duration, such as 0.4 s or 3 min."""
    if value >= 7200:
        return f"{value / 3600:.0f} h"
    if value >= 120:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def moment(at: float) -> str:
    """A time in Unix seconds, written in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def size(number: float) -> str:
    """A size, such as 1.5 GB."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def one_line(text: str) -> str:
    """`text` without control characters, which could drive a terminal: strangers wrote parts of it."""
    return "".join(character if character.isprintable() else " " for character in text)


def as_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON for a terminal, too: what could drive that, end a line or turn the direction of text is
    escaped."""
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
