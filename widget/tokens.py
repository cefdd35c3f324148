"""Form tokens and receipts: signed, bound to their purpose and to a product.

A form token hands out the id that its one submission will have; the signed id is what marks a repeat, never the
token's text, for base64 can be written in more than one way. A receipt is the signed id of a stored submission, and
the same for ever. Keys rotate: the newest signs, all of them are believed. What the tokens guard is left to others.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from widget.errors import TokenExpired, TokenInvalid

CLOCK_SKEW = 60.0
"""Seconds by which the clock of the process that made a token may run ahead of ours."""
MAX_LENGTH = 512
"""Characters; no token of ours is longer, so nothing longer is looked at."""
_TEXT = re.compile(r"[A-Za-z0-9_.-]+")
"""The decoder of base64 would pass over anything else."""
_SIGNER = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


@dataclass(frozen=True, slots=True)
class FormToken:
    """A genuine form token: the id of its submission, and its age in seconds."""

    submission_id: str
    age: float


class Tokens:
    """Makes and reads form tokens and receipts. `keys` are the signing keys, newest first; `max_age` is in seconds."""

    def __init__(self, keys: Sequence[str], max_age: float) -> None:
        oldest_first = list(reversed(keys))
        self.max_age = max_age
        self._forms = URLSafeTimedSerializer(oldest_first, salt="widget.form", signer_kwargs=_SIGNER)
        self._receipts = URLSafeSerializer(oldest_first, salt="widget.receipt", signer_kwargs=_SIGNER)

    def form(self, product: str) -> str:
        """A fresh form token for `product`."""
        return str(self._forms.dumps([secrets.token_hex(16), product]))

    def read_form(self, token: str, product: str, now: float) -> FormToken:
        """The token's content at `now` (Unix time, seconds). Raises TokenInvalid or TokenExpired."""
        if len(token) > MAX_LENGTH or not _TEXT.fullmatch(token):
            raise TokenInvalid("no form token of ours")
        try:
            content, signed_at = self._forms.loads(token, return_timestamp=True)
        except BadData as error:
            raise TokenInvalid("no form token of ours") from error
        submission_id = _id_for(content, product)
        age = now - signed_at.timestamp()
        if age < -CLOCK_SKEW:
            raise TokenInvalid("made in the future")
        if age > self.max_age:
            raise TokenExpired(submission_id)
        return FormToken(submission_id, max(age, 0.0))

    def receipt(self, submission_id: str, product: str) -> str:
        """The receipt of a stored submission."""
        return str(self._receipts.dumps([submission_id, product]))

    def read_receipt(self, receipt: str) -> tuple[str, str]:
        """The submission's id and its product. Raises TokenInvalid."""
        if len(receipt) > MAX_LENGTH or not _TEXT.fullmatch(receipt):
            raise TokenInvalid("no receipt of ours")
        try:
            content = self._receipts.loads(receipt)
        except BadData as error:
            raise TokenInvalid("no receipt of ours") from error
        match content:
            case [str() as submission_id, str() as product]:
                return submission_id, product
        raise TokenInvalid("no receipt of ours")


def _id_for(content: object, product: str) -> str:
    match content:
        case [str() as submission_id, str() as owner] if owner == product:
            return submission_id
    raise TokenInvalid("made for another product")
