"""E-mail addresses as they go on: folded as a browser folds them (`static/form/plain.js`), and judged by their syntax.

People copy addresses from pages and mail programs, with marks that nobody sees, full-width letters, or `mailto:` in
front. What is meant is clear, so it is not refused. Both sides are tested against one table of examples
(`tests/submissions/normalised.json`).
"""

import re
import unicodedata
from typing import NamedTuple

import email_validator

MAX_LENGTH = 254
"""Characters: no longer address can be delivered to (RFC 5321, erratum 1690)."""
_MOST_READ = 4 * MAX_LENGTH
"""Characters that are looked at: what is longer is too long, whatever is taken out of it."""
_MAILTO = re.compile(r"mailto:", re.IGNORECASE)
_INVISIBLE = re.compile("[\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_JOINERS = re.compile("[\u200c\u200d]")
_SPACE = "[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000\u3164]*"
_AROUND = re.compile(f"^{_SPACE}|{_SPACE}$")
_AT = str.maketrans({"\ufe6b": "@"})
_DOTS = re.compile("[\u3002\uff61]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN")
"""Those whose letters look like one another's."""


class Address(NamedTuple):
    """Its two parts as they go on: the domain in lower-case ASCII."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def fold(text: str) -> str:
    """What somebody meant to type: without invisible marks and `mailto:`, full-width characters as plain ones.

    Control characters are no such marks: what holds them came from a program, and is not valid. Joiners leave the local
    part. In a domain they make another name of it, so they stay there, and the domain is not valid.
    """
    text = _AROUND.sub("", _INVISIBLE.sub("", text[:_MOST_READ]))
    text = text.translate(_FULL_WIDTH).translate(_AT)
    if scheme := _MAILTO.match(text):
        text = text[scheme.end() :].partition("?")[0]
    local, at, domain = text.rpartition("@")
    return f"{_JOINERS.sub('', local)}{at}{_DOTS.sub('.', domain)}"


def read(text: str) -> Address | None:
    """The address in `text`, as it goes on; None when mail could not be sent there.

    Domains that can never have mail (`.local`, `.invalid` and the like) are refused as typing errors. `.test` passes,
    as `.example` does by itself, so that trying the widget out needs nobody's real address (RFC 6761).
    """
    folded = fold(text)
    if len(folded) > MAX_LENGTH or _JOINERS.search(folded):  # normalising what is long can take quadratic time
        return None
    try:
        valid = email_validator.validate_email(folded, check_deliverability=False, test_environment=True, strict=True)
    except email_validator.EmailNotValidError:
        return None
    address = Address(valid.local_part, valid.ascii_domain)
    return address if len(str(address)) <= MAX_LENGTH else None


def key(text: str) -> str:
    """What is equal for all ways to write one address. Nothing distinguishes capitals before the @ in practice."""
    return str(read(text) or fold(text)).casefold()


def same(one: str, other: str) -> bool:
    """Whether two addresses are one, however they were written."""
    return key(one) == key(other)


def mixes_scripts(address: str) -> bool:
    """Whether a part of the address mixes letters that look like one another's: then it may not be what it seems."""
    local, _, domain = address.rpartition("@")
    return any(len(_scripts_of(part)) > 1 for part in (local, *map(_readable, domain.split("."))))


def _readable(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
    except ValueError:
        return label


def _scripts_of(text: str) -> set[str]:
    names = (unicodedata.name(character, "").partition(" ")[0] for character in text if character.isalpha())
    return {name for name in names if name in _SCRIPTS}
