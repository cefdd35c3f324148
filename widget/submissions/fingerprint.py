"""Tells a submission that is sent again from a different one with the same token.

Content is erased on delivery, so an HMAC of it is kept instead. It shows whether two contents are equal, and reveals
nothing about them without the key.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from widget.submissions import addresses
from widget.submissions.model import chosen_chips, clean_text, with_chips

_FIELDS = ("sentimentRating", "contactConsent")


class Fingerprints:
    """Makes and compares fingerprints. `keys` are the signing keys, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), b"widget.content", hashlib.sha256) for key in keys]

    def make(self, fields: Mapping[str, str], files: Sequence[tuple[str, bytes]]) -> str:
        """The HMAC of a form's content. `files` has the name of each file and the digest of its bytes."""
        return _mac(self._keys[0], _content(fields, files))

    def matches(self, known: str, fields: Mapping[str, str], files: Sequence[tuple[str, bytes]]) -> bool:
        """Whether `known`, made with any of the keys, is the HMAC of this form's content."""
        content = _content(fields, files)
        return any(hmac.compare_digest(known, _mac(key, content)) for key in self._keys)


def _mac(key: bytes, content: bytes) -> str:
    return hmac.digest(key, content, hashlib.sha256).hex()


def _content(fields: Mapping[str, str], files: Sequence[tuple[str, bytes]]) -> bytes:
    """The content in a canonical form, because browsers write line breaks and absent fields in different ways."""
    email = fields.get("submittedByEmail", "")
    said = [
        with_chips(clean_text(fields.get("description", "")), chosen_chips(fields)),
        str(addresses.read(email) or email.strip()),
        *(fields.get(name, "").strip() for name in _FIELDS),
    ]
    return json.dumps([said, [(name, digest.hex()) for name, digest in files]]).encode()
