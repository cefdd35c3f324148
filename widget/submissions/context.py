"""The context that a host page passes: its address, a version, a few keys. Bounded, and shown to the person.

A mistake in it is the host page's, so it never stops the person. What fits is kept, the rest is left out.
"""

import json
import re
from itertools import islice

from widget.submissions.limits import MAX_DESCRIPTION
from widget.submissions.model import clean_text, utf16_length

MAX_KEYS = 10
MAX_KEY = 40
MAX_VALUE = 300
"""Characters of one value."""

Context = tuple[tuple[str, str], ...]


def read(text: str) -> Context:
    """The acceptable keys and values of a JSON object."""
    try:
        given = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return ()
    if not isinstance(given, dict):
        return ()
    pairs = ((_line(key), _value(value)) for key, value in given.items())
    kept = ((key, value) for key, value in pairs if key and value and len(key) <= MAX_KEY)
    return tuple(islice(kept, MAX_KEYS))


def write(context: Context) -> str:
    """The context as JSON that `read` understands, or an empty string."""
    return json.dumps(dict(context), ensure_ascii=False) if context else ""


def append(description: str, context: Context) -> tuple[str, Context]:
    """Append as many whole lines of the context to the text as fit. Returns the text and what did not fit.

    The person's own text is never cut.
    """
    left_out = []
    gap = "\n\n" if description else ""
    for key, value in context:
        longer = f"{description}{gap}{key}: {value}"
        if utf16_length(longer) > MAX_DESCRIPTION:
            left_out.append((key, value))
        else:
            description, gap = longer, "\n"
    return description, tuple(left_out)


def clean_line(text: str) -> str:
    """`text` on one line."""
    return " ".join(clean_text(text).split())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)[:MAX_VALUE]
    if not isinstance(value, str):
        return ""
    return _line(value)[:MAX_VALUE]  # cut last: half of a secret would not be recognised


def _line(text: str) -> str:
    """`text` on one line, without secrets. Of a text that is too long anyhow, no more words are read than fit."""
    words = map(_without_secrets, _JWT.sub("", _BEARER.sub("", clean_line(text))).split())
    return " ".join(islice(filter(None, words), MAX_VALUE))


_USER = re.compile(r"((?<![/\\])[/\\]{2,}|(?<=\w\w:)[/\\])[^/\\?#]*@")
"""User and password before the host, in an address with or without a scheme. Browsers add a missing slash."""
_BARE_USER = re.compile(r"^(?!mailto:)[^/\\?#@:]+:[^/\\]*@", re.IGNORECASE)
"""The same without slashes: `user:password@host`."""
_ENCODED_AT = re.compile(r"%(25)*40")
_ENCODED_SLASHES = re.compile(r"(%(25)*(2f|5c)){2}", re.IGNORECASE)
"""What a user is between, in an address that is percent-encoded as a whole, however often."""
_QUERY = re.compile(r"[?#？＃]|%(25)*(3f|23)|;(?=[\w.-]+(=|%(25)*3d))", re.IGNORECASE)  # noqa: RUF001 - as meant
"""The end of an address's path, as it is or percent-encoded."""
_BEARER = re.compile(r"\b(bearer|basic)\s+(?=[\w.~+/-]*[\d=])[\w.~+/=-]{8,}", re.IGNORECASE)
"""Credentials as they stand in a header."""
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_EQUALS = re.compile(r"%(25)*3d", re.IGNORECASE)
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?", re.ASCII)
_PAIRS = re.compile(r"[^=&]+=[^&]*(&[^=&]+=[^&]*)+")
_PAIR = re.compile(r"&(?=[\w.-]+=)")
_NAME = re.compile(r"(?<![\w.-])([\w.-]++)(=|%(25)*3d)", re.IGNORECASE)
"""A name with its equals sign. A run of its characters is tried once, from the start, and given up as a whole."""
_SECRET = re.compile(
    r"token|secret|passw|pwd|api_?key|auth|session|sid|code|signature|sig|jwt|otp|ticket|nonce", re.IGNORECASE
)
"""What is in a name that tells of a secret. One pattern for both would take quadratic time."""
_AUTHORITY = re.compile(r"[/\\]{2,}([^/\\]*)")
_PORT = re.compile(r"(\[[0-9a-f:.]*\]|[^:\[\]]*)(:\d*)?", re.IGNORECASE)


def _without_secrets(word: str) -> str:
    """A word of a value, without secrets. An address loses its user, query and fragment, where tokens may be; it may be
    whole, relative or without a scheme. Nothing is left of a bare query string, or from a secret on."""
    word = _BARE_USER.sub("", _USER.sub(r"\1", word))
    *_, at = (None, *_ENCODED_AT.finditer(word))
    if at and (slashes := _ENCODED_SLASHES.search(word, 0, at.start())):
        word = word[: slashes.start()]
    mark = _QUERY.search(word)
    if mark is not None:
        head, rest = word[: mark.start()], word[mark.end() :]
        if "=" in rest or _EQUALS.search(rest) or (rest and _is_address(head, mark[0])):
            word = head
    elif "/" in word:
        word = _PAIR.split(word)[0]
    elif _PAIRS.fullmatch(word):
        return ""
    if secret := next((name for name in _NAME.finditer(word) if _SECRET.search(name[1])), None):
        word = word[: secret.start()]
    authority = _AUTHORITY.search(word)
    if authority is not None and not _PORT.fullmatch(authority[1]):
        return ""  # half of a password, or something unreadable
    return word


def _is_address(head: str, mark: str) -> bool:
    """Whether the text before a mark is an address. Then a query or a fragment follows the mark."""
    return "/" in head or "\\" in head or _HOST.fullmatch(head) is not None or (not head and mark == "?")
