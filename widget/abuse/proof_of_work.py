"""Creates and verifies proofs of work in ALTCHA's protocol, version 2 (https://altcha.org/docs).

A challenge belongs to one form token. Its solution is valid for that token's submission only, so there is no need to
store which solutions were used. `bots` decides when a proof is needed.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import altcha

ALGORITHM = "PBKDF2/SHA-256"
MAX_LENGTH = 4096
"""Characters of a solution; ours have about 700."""
MAX_AGE = 600.0
"""Seconds for which a challenge is valid, so that nobody can collect many. The form asks for a new one in time."""
_PREFIX = "00"
"""The derived key has to start with a zero byte, which takes 256 guesses on average."""


class Proofs:
    """Makes and verifies challenges. `keys` are the signing keys, newest first. `cost` is the number of iterations of
    one guess. A challenge is valid for `max_age` seconds."""

    def __init__(self, keys: Sequence[str], cost: int, max_age: float = MAX_AGE) -> None:
        self._secrets = [hmac.digest(key.encode(), b"widget.abuse.proof_of_work", hashlib.sha256) for key in keys]
        self._cost = cost
        self._max_age = max_age

    def challenge(self, submission_id: str, now: float, *, times: int = 1) -> dict[str, Any]:
        """A challenge for one form token at `now` (Unix seconds), in the format that the solver reads. It costs so many
        `times` the usual work."""
        challenge = altcha.create_challenge(
            ALGORITHM,
            self._cost * times,
            key_prefix=_PREFIX,
            expires_at=int(now + self._max_age),
            data={"submission": submission_id},
            hmac_secret=self._secrets[0],
        )
        return challenge.to_dict()

    def holds(self, solution: str, submission_id: str) -> bool:
        """Whether `solution` solves a challenge that was made for this submission."""
        if not solution or len(solution) > MAX_LENGTH or not solution.isascii():
            return False
        try:
            payload = altcha.Payload.from_base64(solution)
            if payload.challenge.parameters.data != {"submission": submission_id}:
                return False
            return any(altcha.verify_solution(payload, secret).verified for secret in self._secrets)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return False  # not a payload
