"""How each language writes numbers, sizes, dates and lists, as the Unicode CLDR has it.

`scripts/formats` copies what we need from Babel to `formats.json`: tables without rules, 1 kB for a language. Babel
itself would read all that the CLDR knows, and keep 5 MB for the first language and 1 MB for each other one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

FILE = Path(__file__).parent / "formats.json"


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of one language. Dates and times are written with the Gregorian calendar, digits are 0 to 9."""

    direction: Literal["ltr", "rtl"]
    decimal: str
    """The decimal separator."""
    group: str
    """The separator between groups of digits."""
    larger: int
    """The number of digits in each group beyond the thousands."""
    megabytes: str
    either: Sequence[str]
    """`A or B or C`, for one item, two, and so on."""
    dates: Sequence[str]
    """A date in each month, with the day `d` and the year `y`."""
    times: Sequence[str]
    """A time in each hour, with the minute `mm`."""
    plurals: Mapping[str, int]
    """The categories of `Intl.PluralRules`, each with an example number."""

    @classmethod
    def of(cls, lang: str) -> Self:
        """The formats of a language. Raises ValueError if it is not in the file."""
        found = json.loads(FILE.read_text("utf-8")).get(lang)
        if found is None:
            raise ValueError(f"formats.json does not have the language {lang!r}: run scripts/formats")
        return cls(**found)

    def number(self, value: int) -> str:
        """A whole number."""
        return re.sub(rf"\B(?=(\d{{{self.larger}}})*\d{{3}}$)", self.group, str(value))

    def size(self, size: int) -> str:
        """A number of bytes as megabytes, with at most one decimal."""
        megabytes = f"{size / (1024 * 1024):.1f}".removesuffix(".0")
        return self.megabytes.format(megabytes.replace(".", self.decimal))

    def any_of(self, items: Sequence[str]) -> str:
        """One of the items, of which there are as many as there are kinds of files, or fewer."""
        return self.either[len(items) - 1].format(*items)

    def date(self, at: datetime) -> str:
        """A date with the name of the month."""
        return self.dates[at.month - 1].format(d=at.day, y=at.year)

    def time(self, at: datetime) -> str:
        """The hour and the minute."""
        return self.times[at.hour].format(mm=f"{at.minute:02}")
