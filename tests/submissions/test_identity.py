"""Signed identities: which are trusted, and what is said about each that is not."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from bed import ROOT
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from widget.errors import IdentityInvalid
from widget.submissions import identity
from widget.submissions.identity import Keys, Person

DOCUMENT = (ROOT / "docs" / "identity.md").read_text("utf-8")
NOW = 1_800_000_000.0
SECRET, OTHER = "s" * 32, "o" * 32
PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
BOTH = Keys((SECRET,), (PUBLIC,))


def signed(key: Any = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"email": "mara@northwind.example", "name": "Mara", "aud": "demo", "iat": NOW, "exp": NOW + 300, **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    pieces = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(piece).rstrip(b"=").decode() for piece in pieces)


def verify(token: str, keys: Keys = BOTH, **more: Any) -> Person:
    return identity.verify(token, product="demo", keys=keys, **{"now": NOW, **more})


def reason(token: str, keys: Keys = BOTH, **more: Any) -> str:
    with pytest.raises(IdentityInvalid) as caught:
        verify(token, keys, **more)
    assert str(caught.value)
    return caught.value.reason


def test_a_person_is_believed_by_a_secret_and_by_a_key_pair() -> None:
    assert verify(signed()) == verify(signed(PEM, "ES256")) == Person("mara@northwind.example", "Mara")


def example(language: str) -> str:
    """The first block of docs/identity.md in a language."""
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found
    return found[1]


EXAMPLES = {
    "python": (
        sys.executable,
        "from types import SimpleNamespace as N\nprint(identity(N(email='a@b.example', name='Ada')))",
    ),
    "js": ("node", "console.log(identity({email: 'a@b.example', name: 'Ada'}))"),
}


@pytest.mark.parametrize("language", EXAMPLES)
def test_the_examples_of_the_document_sign_what_is_believed(language: str, tmp_path: Path) -> None:
    program, call = EXAMPLES[language]
    path = tmp_path / {"python": "example.py", "js": "example.mjs"}[language]
    path.write_text(f"{example(language)}\n{call}\n", "utf-8")
    environ = {"PATH": os.environ["PATH"], "IDENTITY_KEY": SECRET}
    done = subprocess.run([program, str(path)], env=environ, capture_output=True, text=True, timeout=60)
    assert verify(done.stdout.strip(), now=time.time()) == Person("a@b.example", "Ada"), done.stderr


def test_a_name_and_a_time_of_issue_may_be_left_out() -> None:
    assert verify(signed(name=None, iat=None)) == Person("mara@northwind.example", "")


def test_several_audiences_may_be_named() -> None:
    assert verify(signed(aud=["other", "demo"])).email == "mara@northwind.example"


def test_each_of_several_keys_is_tried_while_one_is_rotated_out() -> None:
    assert verify(signed(), Keys((OTHER, SECRET))).email == "mara@northwind.example"


@pytest.mark.parametrize(
    ("token", "named"),
    [
        (raw({"alg": "none"}, {"email": "a@b.example", "aud": "demo", "exp": NOW + 9}), "algorithm"),
        (raw({"alg": "None"}, {"email": "a@b.example", "aud": "demo", "exp": NOW + 9}), "algorithm"),
        (raw({"alg": ["HS256"]}, {}), "algorithm"),
        (raw({}, {}), "algorithm"),
        (signed("x" * 64, "HS512"), "algorithm"),
        (signed(OTHER), "signature"),
        (signed(ec.generate_private_key(ec.SECP256R1()), "ES256"), "signature"),
        (signed()[:-3] + "AAA", "signature"),
        (signed(exp=NOW - 61), "expired"),
        (signed(exp=-(10**400)), "expiry"),
        (signed(exp=10**400), "expiry"),
        (signed(iat=10**400), "malformed"),
        (signed(nbf=-1e300), "malformed"),
        (signed(exp=None), "expiry"),
        (signed(exp="soon"), "expiry"),
        (signed(iat=NOW + 61), "early"),
        (signed(nbf=NOW + 61), "early"),
        (signed(iat="then"), "malformed"),
        (signed(aud="other"), "audience"),
        (signed(aud=None), "audience"),
        (signed(aud=["a", "b"]), "audience"),
        (signed(email=None), "email"),
        (signed(email="mara"), "email"),
        (signed(email=["a@b.example"]), "email"),
        (signed(email="a@" + "b" * 300 + ".example"), "email"),
        ("", "malformed"),
        ("no token", "malformed"),
        ("a.b.c", "malformed"),
        ("." * 5000, "malformed"),
        (signed(pad="x" * 5000), "malformed"),
        ("\ud800.a.b", "malformed"),
        (base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.", "malformed"),
        (signed(exp=float("nan")), "expiry"),
        (signed(exp=float("inf")), "expiry"),
    ],
)
def test_each_token_that_is_not_believed_is_named(token: str, named: str) -> None:
    assert reason(token) == named


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Mara \ud83d", "Mara"),
        ("\ud83d", ""),
        ("Ma\0ra\u202e\nLind", "Mara Lind"),
        (7, ""),
        ("\U0001f600 x", "\U0001f600 x"),
    ],
)
def test_a_name_is_one_line_that_can_be_shown(name: Any, shown: str) -> None:
    assert ascii(verify(signed(name=name)).name) == ascii(shown)


def test_an_address_is_normalised_like_one_that_was_typed() -> None:
    assert verify(signed(email=" Mara@Northwind.example\u200b")).email == "Mara@northwind.example"
    assert reason(signed(email="mara\ud83d@northwind.example")) == "email"


def test_a_public_key_used_as_a_secret_opens_nothing() -> None:
    header, claims = {"alg": "HS256"}, {"email": "a@b.example", "aud": "demo", "exp": NOW + 9}
    import hashlib
    import hmac

    unsigned = raw(header, claims).rpartition(".")[0]
    forged = raw(header, claims, hmac.new(PUBLIC.encode(), unsigned.encode(), hashlib.sha256).digest())
    assert reason(forged, Keys(public=(PUBLIC,))) == "algorithm"
    assert reason(forged, BOTH) == "signature"


def test_an_algorithm_without_a_key_of_ours_is_not_allowed() -> None:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert reason(signed(PEM, "ES256"), Keys((SECRET,))) == "algorithm"
    assert reason(signed(), Keys(public=(PUBLIC,))) == "algorithm"
    assert reason(signed(rsa_key, "RS256")) == "algorithm"


def test_clocks_may_differ_by_a_minute() -> None:
    assert verify(signed(exp=NOW - 59))
    assert verify(signed(iat=NOW + 59))


def test_who_writes_for_long_is_still_who_opened_the_form() -> None:
    token = signed(exp=NOW + 60)
    assert verify(token, now=NOW + 3600, opened_at=NOW)
    assert reason(token, now=NOW + 3600, opened_at=NOW + 1800) == "expired"
    assert reason(token, now=NOW + 3600) == "expired"


def test_an_identity_that_lasts_for_more_than_a_day_is_not_believed() -> None:
    assert verify(signed(exp=NOW + 86_400))
    assert reason(signed(exp=NOW + 86_400 + 61)) == "lasting"


def test_what_may_be_used_once_is_known_by_product_and_id() -> None:
    assert verify(signed()).once is None
    assert verify(signed(jti="a")).once == verify(signed(jti="a", exp=NOW + 60)).once != verify(signed(jti="b")).once
    assert reason(signed(jti="")) == reason(signed(jti=["a"])) == "malformed"
