"""Sessions of `/ops`: a signed cookie, and a token for the forms of each session.

A session is a random id and the time of signing in, signed with `SECRET_KEY` and `OPS_TOKEN` together. Changing
`OPS_TOKEN` therefore ends every session. Every process recognises every session. Only those that somebody ended by
signing out are stored (`outbox.signed_out`).
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from itsdangerous import BadData, SignatureExpired, TimestampSigner

from widget.abuse.counters import BoundedStorage

WRONG_TOKENS = 10
"""Mistakes that a client may make within a minute: wrong tokens, or searches that find nothing."""
PERIOD = 60
"""Seconds."""
_CLIENTS = 10_000
"""Clients that are counted at the same time."""
_MAX_LENGTH = 200

Verdict = Literal["right", "wrong", "too_many"]
"""What to make of an attempt. `too_many`: its client has to wait, whether it was right or wrong."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in. Each form has to send `csrf` back."""

    id: str
    csrf: str

    @property
    def name(self) -> str:
        """The session, as a log names it."""
        return self.id[:8]


class Sessions:
    """Makes and reads sessions that last `max_age` seconds. `keys` are the signing keys, newest first."""

    def __init__(self, keys: Sequence[str], token: str, max_age: float) -> None:
        self._token = token.encode()
        self._max_age = max_age
        secret = [hmac.digest(key.encode(), b"widget.ops." + self._token, hashlib.sha256) for key in reversed(keys)]
        self._signer = TimestampSigner(secret, key_derivation="none", digest_method=hashlib.sha256)
        self._secrets = secret

    def is_token(self, given: str) -> bool:
        """Whether this is `OPS_TOKEN`."""
        return hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)

    def begin(self) -> str:
        """A new session, as the cookie holds it."""
        return self._signer.sign(secrets.token_hex(16)).decode()

    def read(self, cookie: str) -> Session | None:
        """The session in a cookie; None if it is not genuine or has ended."""
        if not cookie or len(cookie) > _MAX_LENGTH:
            return None
        try:
            session_id = self._signer.unsign(cookie, max_age=int(self._max_age)).decode()
        except (BadData, SignatureExpired, UnicodeError):
            return None
        csrf = hmac.digest(self._secrets[-1], b"csrf." + cookie.encode(), hashlib.sha256)
        return Session(session_id, csrf.hex())

    def is_genuine(self, session: Session, csrf: str) -> bool:
        """Whether a form sent the token of its session."""
        return hmac.compare_digest(session.csrf.encode(), csrf.encode("utf-8", "replace"))


class Throttle:
    """Counts the mistakes of each client. A client that makes `WRONG_TOKENS` within a minute has to wait until it is
    over."""

    def __init__(self) -> None:
        self._counts = BoundedStorage(_CLIENTS)

    async def judge(self, key: str, *, is_right: bool) -> Verdict:
        """Judge an attempt of `key` that has been read to its end, and count it if it was a mistake.

        One step does both. If a request were looked at before its body and counted after it, all of those whose bodies
        come together would pass.
        """
        mistakes = 0 if is_right else 1
        if await self._counts.incr(key, PERIOD, mistakes) - mistakes >= WRONG_TOKENS:
            return "too_many"
        return "right" if is_right else "wrong"
