"""What a host page tells about itself: its address, a version, a few keys. Bounded, shown to the person, and no secret.

It comes from a script, so a fault in it is never held against the person: what fits is taken, the rest is left out.
"""

import json
from urllib.parse import urlsplit, urlunsplit

from widget.submissions.model import MAX_DESCRIPTION, clean_text, utf16_length

MAX_KEYS = 10
MAX_KEY = 40
MAX_VALUE = 300
"""Characters of one value."""

Context = tuple[tuple[str, str], ...]


def read(text: str) -> Context:
    """The keys and values that a JSON object holds, as far as they may be kept."""
    try:
        given = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return ()
    if not isinstance(given, dict):
        return ()
    pairs = ((clean_line(key), _value(value)) for key, value in given.items())
    return tuple((key, value) for key, value in pairs if key and value and len(key) <= MAX_KEY)[:MAX_KEYS]


def write(context: Context) -> str:
    """The JSON that `read` reads; empty without anything."""
    return json.dumps(dict(context), ensure_ascii=False) if context else ""


def append(description: str, context: Context) -> tuple[str, Context]:
    """The text with as many lines of the context behind it as fit whole, and what did not fit.

    Not one character of the person's own is cut.
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
    return _without_secrets(clean_line(value)[:MAX_VALUE]) if isinstance(value, str) else ""


def _without_secrets(value: str) -> str:
    """An address without its query, fragment and user: that is where tokens are."""
    if not value.lower().startswith(("http://", "https://")):
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
