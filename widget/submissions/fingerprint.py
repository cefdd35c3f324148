"""Tells a submission that is sent again from another one with the same token.

What a person sent is not kept once it is delivered, so its HMAC is: it says whether two contents are the same, and to
nobody without the key what they were.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from widget.submissions.model import clean_text

_FIELDS = ("submittedByEmail", "sentimentRating", "contactConsent")


class Fingerprints:
    """Makes and compares them. `keys` are the signing keys, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), b"widget.content", hashlib.sha256) for key in keys]

    def make(self, fields: Mapping[str, str], files: Sequence[tuple[str, bytes]]) -> str:
        """The HMAC of what a form says: `files` are their names and the digests of their content."""
        return _mac(self._keys[0], _content(fields, files))

    def matches(self, known: str, fields: Mapping[str, str], files: Sequence[tuple[str, bytes]]) -> bool:
        """Whether the HMAC of a stored submission, made with any of the keys, is that of this form."""
        content = _content(fields, files)
        return any(hmac.compare_digest(known, _mac(key, content)) for key in self._keys)


def _mac(key: bytes, content: bytes) -> str:
    return hmac.digest(key, content, hashlib.sha256).hex()


def _content(fields: Mapping[str, str], files: Sequence[tuple[str, bytes]]) -> bytes:
    """What counts as content, written in one way: a browser may write line breaks and absent fields in several."""
    said = [clean_text(fields.get("description", "")), *(fields.get(name, "").strip() for name in _FIELDS)]
    return json.dumps([said, [(name, digest.hex()) for name, digest in files]]).encode()
