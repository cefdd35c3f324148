"""Rates as settings write them, in the notation of the `limits` library: `20/minute; 200/hour`, or `5 per 2 hours`.

That library would add 2 MB to every process. It is used only where counters are shared.
"""

import re
from typing import NamedTuple

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 30 * 86_400, "year": 360 * 86_400}
_RATE = re.compile(rf"\s*([0-9]+)\s*(?:/|per)\s*([0-9]+)?\s*({'|'.join(_SECONDS)})s?\s*", re.IGNORECASE)


class Rate(NamedTuple):
    """At most `amount` in so many `seconds`."""

    amount: int
    seconds: int


def parse(text: str) -> tuple[Rate, ...]:
    """The rates in `text`, between which is `;`, `,` or `|`. Raises ValueError if one is not valid."""
    return tuple(map(_parse, re.split("[;,|]", text)))


def _parse(text: str) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a valid rate")
    amount, many, unit = found.groups()
    return Rate(int(amount), int(many or 1) * _SECONDS[unit.lower()])
