"""E-mail addresses: normalised as a browser does it (`static/form/plain.js`), and checked for their syntax.

People copy addresses from pages and mail programs, with invisible marks, full-width letters, or `mailto:` in front.
What they mean is clear, so such an address is accepted. Browser and server are tested against one table of examples
(`tests/submissions/normalised.json`).
"""

import re
import unicodedata
from typing import NamedTuple

import email_validator

MAX_LENGTH = 254
"""Characters. Mail cannot be delivered to a longer address (RFC 5321, erratum 1690)."""
_MOST_READ = 4 * MAX_LENGTH
"""Characters that are looked at. A longer text is too long, whatever is removed from it."""
_MAILTO = re.compile(r"mailto:[/ ]*", re.IGNORECASE | re.ASCII)
# Unicode's Default_Ignorable_Code_Point and blank letters, except the joiners.
_INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = re.compile("[\u200c\u200d]")
_AROUND = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_AT = str.maketrans({"\ufe6b": "@"})
_DOTS = re.compile("[\u3002\uff61]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN")
"""Scripts with letters that look alike."""


class Address(NamedTuple):
    """The two parts of a normalised address. The domain is in lower-case ASCII."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def fold(text: str) -> str:
    """What somebody meant to type: without invisible marks and `mailto:`, and with full-width characters made plain.

    Control characters stay: a text that contains them comes from a program, and is not valid. Joiners are removed from
    the local part. In a domain they stand for a different name, so they stay there and make the domain invalid.
    """
    text = _INVISIBLE.sub("", text[:_MOST_READ]).strip(_AROUND)
    text = text.translate(_FULL_WIDTH).translate(_AT)
    if scheme := _MAILTO.match(text):
        text = text[scheme.end() :].partition("?")[0]
    local, at, domain = text.rpartition("@")
    local = unicodedata.normalize("NFC", _JOINERS.sub("", local))  # a letter and its accent count as one character
    return f"{local}{at}{_DOTS.sub('.', domain)}"


def read(text: str) -> Address | None:
    """The normalised address in `text`, or None if mail could not be sent there.

    Domains that can never have mail, such as `.local` and `.invalid`, count as typing errors. `.test` and `.example`
    pass, so that nobody needs a real address to try the widget (RFC 6761).
    """
    folded = fold(text)
    if len(folded) > MAX_LENGTH or _JOINERS.search(folded):  # normalising a long text can take quadratic time
        return None
    try:
        valid = email_validator.validate_email(folded, check_deliverability=False, test_environment=True, strict=True)
    except email_validator.EmailNotValidError:
        return None
    address = Address(valid.local_part, valid.ascii_domain)
    return address if len(str(address)) <= MAX_LENGTH else None


def key(text: str) -> str:
    """A key that is equal for all spellings of an address. In practice, capitals before the @ make no difference."""
    return str(read(text) or fold(text)).casefold()


def same(one: str, other: str) -> bool:
    """Whether two texts are spellings of one address."""
    return key(one) == key(other)


def mixes_scripts(address: str) -> bool:
    """Whether a part of the address mixes letters that look alike in different scripts, and so may deceive."""
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
