"""Who a person is, signed by the host's server: a JWT (RFC 7519) with HS256 or ES256, valid for one product and a
while.

Our own key determines the algorithm, never the token: a public key verifies only ES256, a secret only HS256. So neither
`alg: none` nor a public key used as a secret is accepted. Other modules decide what an identity means for the form.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from widget.errors import IdentityInvalid
from widget.submissions import addresses
from widget.submissions.context import clean_line

LEEWAY = 60.0
"""Seconds by which our clock and that of the host's server may differ."""
LONGEST = 86400.0
"""Seconds that a token may be valid at most, so that a leaked one does not vouch for somebody for ever."""
MAX_LENGTH = 4096
"""Characters of a token."""
MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class Person:
    """The person that a host's server vouches for: a normalised address, and a name on one line, which may be empty. If
    the token may be used only once, `once` is a hash of the product and the token's `jti`."""

    email: str
    name: str = ""
    once: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What verifies a product's tokens: secrets for HS256, public keys in PEM for ES256."""

    secrets: tuple[str, ...] = ()
    public: tuple[str, ...] = ()


def prepare() -> None:
    """Load the library that verifies signatures. It takes 9 MB and a tenth of a second, so it is loaded only if
    needed."""
    import jwt  # noqa: F401


def verify(token: str, *, product: str, keys: Keys, now: float, opened_at: float | None = None) -> Person:
    """The person that `token` names.

    `opened_at` is when the form was issued. A token that was valid then is accepted for what is sent later, however
    long the person takes to write. Raises IdentityInvalid; its `reason` says what is wrong.
    """
    claims = _claims(token, keys)
    _check_time(claims, now, min(now, opened_at) if opened_at is not None else now)
    audience = claims.get("aud")
    if product not in (audience if isinstance(audience, list) else [audience]):
        raise IdentityInvalid("audience", f"aud must be {product!r}")
    email, name = claims.get("email"), claims.get("name", "")
    address = addresses.read(email) if isinstance(email, str) else None
    if address is None:
        raise IdentityInvalid("email", "email is missing or not an address")
    name = clean_line(name)[:MAX_NAME] if isinstance(name, str) else ""
    return Person(str(address), name, _once(product, claims.get("jti")))


def _once(product: str, jti: object) -> str | None:
    if jti is None:
        return None
    if not isinstance(jti, str) or not jti:
        raise IdentityInvalid("malformed", "jti is not a string")
    return hashlib.sha256(f"{product}\0{jti}".encode("utf-8", "surrogatepass")).hexdigest()


def _claims(token: str, keys: Keys) -> dict[str, Any]:
    """The claims of a token whose signature is valid."""
    import jwt  # see `prepare`

    if len(token) > MAX_LENGTH or not token.isascii():
        raise IdentityInvalid("malformed", f"it has more than {MAX_LENGTH} characters, or some that are not ASCII")
    try:
        algorithm = str(jwt.get_unverified_header(token).get("alg"))[:20]
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise IdentityInvalid("malformed", "it is not a JWT") from error
    candidates: dict[str, Sequence[str]] = {"HS256": keys.secrets, "ES256": keys.public}
    candidates = {name: found for name, found in candidates.items() if found}
    if algorithm not in candidates:
        raise IdentityInvalid("algorithm", f"alg is {algorithm!r}; it may be {' or '.join(candidates)}")
    for key in candidates[algorithm]:
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=_SIGNATURE_ALONE)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise IdentityInvalid("malformed", "its claims cannot be read") from error
        return claims
    raise IdentityInvalid("signature", "none of our keys verifies the signature")


_SIGNATURE_ALONE: Any = {"verify_signature": True} | dict.fromkeys(
    ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False
)
"""The claims are checked here, against a clock that the caller passes in."""


def _check_time(claims: dict[str, Any], now: float, valid_at: float) -> None:
    expires: Any = claims.get("exp")
    if not _is_time(expires):
        raise IdentityInvalid("expiry", "exp is missing or not a number")
    if expires > now + LONGEST + LEEWAY:
        raise IdentityInvalid("lasting", "exp is more than a day ahead")
    if valid_at > expires + LEEWAY:
        raise IdentityInvalid("expired", "exp has passed")
    for name in ("iat", "nbf"):
        if name in claims and not _is_time(claims[name]):
            raise IdentityInvalid("malformed", f"{name} is no number")
        if claims.get(name, now) > now + LEEWAY:
            raise IdentityInvalid("early", f"{name} is in the future")


_NEVER = 1e15
"""Seconds, 30 million years after 1970. Arithmetic fails with much larger numbers, and is wrong with infinite ones."""


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _NEVER  # type: ignore[arg-type]
