"""Form tokens and receipts: signed, and bound to their purpose and a product.

A form token contains the id of its one submission. A repeat is recognised by this id, not by the token's text, because
the same base64 signature can be written in more than one way. A receipt is the signed id of a stored submission, and
never changes. For key rotation, the newest key signs and all keys verify.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from itsdangerous import BadData, Signer, TimestampSigner

from widget.errors import TokenExpired, TokenInvalid

CLOCK_SKEW = 60.0
"""Seconds by which the clock of the process that made a token may be ahead of ours."""
MAX_LENGTH = 512
"""Characters. Our tokens are shorter, so anything longer is refused unread."""
_TEXT = re.compile(r"[A-Za-z0-9_.-]+")
"""The base64 decoder would silently skip any other character."""


@dataclass(frozen=True, slots=True)
class FormToken:
    """A genuine form token: the id of its submission, and its age in seconds."""

    submission_id: str
    age: float


class Tokens:
    """Makes and verifies form tokens and receipts. `keys` are signing keys, newest first; `max_age` is in seconds."""

    def __init__(self, keys: Sequence[str], max_age: float) -> None:
        self.max_age = max_age
        self._forms = TimestampSigner(_keys(keys, b"widget.form"), key_derivation="none", digest_method=hashlib.sha256)
        self._receipts = Signer(_keys(keys, b"widget.receipt"), key_derivation="none", digest_method=hashlib.sha256)

    def form(self, product: str) -> str:
        """A fresh form token for `product`."""
        return self._forms.sign(f"{secrets.token_hex(16)}.{product}").decode()

    def read_form(self, token: str, product: str, now: float) -> FormToken:
        """The token's content at `now` (Unix time, seconds). Raises TokenInvalid or TokenExpired."""
        if len(token) > MAX_LENGTH or not _TEXT.fullmatch(token):
            raise TokenInvalid("not one of our form tokens")
        try:
            content, signed_at = self._forms.unsign(token, return_timestamp=True)
        except BadData as error:
            raise TokenInvalid("not one of our form tokens") from error
        submission_id, owner = _read(content)
        if owner != product:
            raise TokenInvalid("made for another product")
        age = now - signed_at.timestamp()
        if age < -CLOCK_SKEW:
            raise TokenInvalid("made in the future")
        if age > self.max_age:
            raise TokenExpired(submission_id)
        return FormToken(submission_id, max(age, 0.0))

    def receipt(self, submission_id: str, product: str) -> str:
        """The receipt of a stored submission."""
        return self._receipts.sign(f"{submission_id}.{product}").decode()

    def read_receipt(self, receipt: str) -> tuple[str, str]:
        """The submission's id and its product. Raises TokenInvalid."""
        if len(receipt) > MAX_LENGTH or not _TEXT.fullmatch(receipt):
            raise TokenInvalid("not one of our receipts")
        try:
            return _read(self._receipts.unsign(receipt))
        except BadData as error:
            raise TokenInvalid("not one of our receipts") from error


def receipt_in(text: str) -> str:
    """The receipt at the end of its address; a text that is no address unchanged."""
    return re.split("[?#]", text, maxsplit=1)[0].rstrip("/").rpartition("/")[2]


def _keys(keys: Sequence[str], purpose: bytes) -> list[bytes]:
    """The keys for one purpose, oldest first. Derived once, because the library would derive them for every token."""
    return [hmac.digest(key.encode(), purpose, hashlib.sha256) for key in reversed(keys)]


def _read(content: bytes) -> tuple[str, str]:
    """The submission's id and its product; neither contains a dot."""
    submission_id, _, product = content.decode().partition(".")
    return submission_id, product
