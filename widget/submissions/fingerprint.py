"""Tells a submission that is sent again from a different one with the same token.

Content is erased on delivery, so an HMAC of it is kept instead. It shows whether two contents are equal, and reveals
nothing about them without the key.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence

from widget.submissions.model import Feedback


class Fingerprints:
    """Makes and compares fingerprints. `keys` are the signing keys, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), b"widget.content", hashlib.sha256) for key in keys]

    def make(self, feedback: Feedback, files: Sequence[tuple[str, bytes]]) -> str:
        """The HMAC of a submission's content. `files` has the name of each file and the digest of its bytes."""
        return _mac(self._keys[0], _content(feedback, files))

    def matches(self, known: str, feedback: Feedback, files: Sequence[tuple[str, bytes]]) -> bool:
        """Whether `known`, made with any of the keys, is the HMAC of this content."""
        content = _content(feedback, files)
        return any(hmac.compare_digest(known, _mac(key, content)) for key in self._keys)


def _mac(key: bytes, content: bytes) -> str:
    return hmac.digest(key, content, hashlib.sha256).hex()


def _content(feedback: Feedback, files: Sequence[tuple[str, bytes]]) -> bytes:
    """The content as it was understood: browsers write line breaks and absent fields in different ways, and of a person
    who is signed in the form may hold no address at all."""
    rating = {True: "true", False: "false", None: ""}[feedback.rating]
    said = [feedback.description, feedback.email, rating, "true" if feedback.consent else ""]
    return json.dumps([said, [(name, digest.hex()) for name, digest in files]]).encode()
