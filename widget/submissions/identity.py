"""Who a person is, as the host's server signs it: a JWT (RFC 7519) with HS256 or ES256, for one product, for a while.

The algorithm follows from our own key, never from the token: a public key checks ES256 alone and a secret HS256 alone,
so neither `alg: none` nor a public key used as a secret gets through. What a vouched identity means for the form is
left to others.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from widget.errors import IdentityInvalid
from widget.submissions import addresses

LEEWAY = 60.0
"""Seconds by which the clocks of the host's server and ours may differ."""
LONGEST = 86400.0
"""Seconds that a token may be valid for at most: one that leaks should not vouch for somebody for ever."""
MAX_LENGTH = 4096
"""Characters of a token."""
MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a host's server vouches for. The name may be empty; `once` is a hash of the `jti` by which the token may
    be used once, of the product and it."""

    email: str
    name: str = ""
    once: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What checks a product's tokens: secrets for HS256, PEM of public keys for ES256."""

    secrets: tuple[str, ...] = ()
    public: tuple[str, ...] = ()


def prepare() -> None:
    """Load what checks signatures: 9 MB and a tenth of a second, for the services alone that have to."""
    import jwt  # noqa: F401


def verify(token: str, *, product: str, keys: Keys, now: float, opened_at: float | None = None) -> Person:
    """The person that `token` names.

    `opened_at` is when the form was handed out: a token that was valid then vouches for what is sent later, however
    long the person writes. Raises IdentityInvalid, whose `reason` says what is wrong.
    """
    claims = _claims(token, keys)
    _check_time(claims, now, min(now, opened_at) if opened_at is not None else now)
    audience = claims.get("aud")
    if product not in (audience if isinstance(audience, list) else [audience]):
        raise IdentityInvalid("audience", f"aud has to be {product!r}")
    email, name = claims.get("email"), claims.get("name", "")
    if not isinstance(email, str) or addresses.read(email) is None:
        raise IdentityInvalid("email", "email is missing, or no address")
    return Person(email, name[:MAX_NAME] if isinstance(name, str) else "", _once(product, claims.get("jti")))


def _once(product: str, jti: object) -> str | None:
    if jti is None:
        return None
    if not isinstance(jti, str) or not jti:
        raise IdentityInvalid("malformed", "jti is no text")
    return hashlib.sha256(f"{product}\0{jti}".encode("utf-8", "surrogatepass")).hexdigest()


def _claims(token: str, keys: Keys) -> dict[str, Any]:
    """What a token says, once its signature is proven."""
    import jwt  # see `prepare`

    if len(token) > MAX_LENGTH or not token.isascii():
        raise IdentityInvalid("malformed", f"it has more than {MAX_LENGTH} characters, or others than ASCII")
    try:
        algorithm = str(jwt.get_unverified_header(token).get("alg"))[:20]
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise IdentityInvalid("malformed", "it is no JWT") from error
    candidates: dict[str, Sequence[str]] = {"HS256": keys.secrets, "ES256": keys.public}
    candidates = {name: found for name, found in candidates.items() if found}
    if algorithm not in candidates:
        raise IdentityInvalid("algorithm", f"alg is {algorithm!r}, and may be {' or '.join(candidates)}")
    for key in candidates[algorithm]:
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=_SIGNATURE_ALONE)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise IdentityInvalid("malformed", "its claims cannot be read") from error
        return claims
    raise IdentityInvalid("signature", "the signature fits none of our keys")


_SIGNATURE_ALONE: Any = {"verify_signature": True} | dict.fromkeys(
    ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False
)
"""The claims are checked here, by a clock that is passed in."""


def _check_time(claims: dict[str, Any], now: float, valid_at: float) -> None:
    expires: Any = claims.get("exp")
    if not _is_time(expires):
        raise IdentityInvalid("expiry", "exp is missing, or no number")
    if expires > now + LONGEST + LEEWAY:
        raise IdentityInvalid("lasting", "exp lies more than a day ahead")
    if valid_at > expires + LEEWAY:
        raise IdentityInvalid("expired", "exp has passed")
    for name in ("iat", "nbf"):
        if name in claims and not _is_time(claims[name]):
            raise IdentityInvalid("malformed", f"{name} is no number")
        if claims.get(name, now) > now + LEEWAY:
            raise IdentityInvalid("early", f"{name} lies in the future")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
