"""Browser and server read what people type alike: a table of examples, and addresses generated at random.

Each row of `normalised.json` has a name, the input, and the result; null means refused.
"""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bed import ROOT

from widget.files import safe_name
from widget.submissions import addresses
from widget.submissions.fingerprint import Fingerprints
from widget.submissions.model import Feedback, check_fields, clean_text

TABLE: dict[str, list[tuple[str, str, str | None]]] = json.loads(
    (Path(__file__).parent / "normalised.json").read_text("utf-8")
)
_SCRIPT = """
import {plainText, readAddress} from %s
let given = ''
for await (const piece of process.stdin) given += piece
const {addresses, texts} = JSON.parse(given)
console.log(JSON.stringify({addresses: addresses.map(readAddress), texts: texts.map(plainText)}))
"""


def in_the_browser(**given: list[str]) -> dict[str, list[str]]:
    """How the form's script reads addresses and texts."""
    module = json.dumps((ROOT / "static" / "form" / "plain.js").as_uri())
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _SCRIPT % module],
        input=json.dumps({"addresses": [], "texts": [], **given}),
        capture_output=True,
        text=True,
        check=True,
    )
    read: dict[str, list[str]] = json.loads(done.stdout)
    return read


def read(address: str) -> str:
    """How the server reads an address; None if it refuses it."""
    return str(addresses.read(address) or "")


def named(rows: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("typed", "wanted"), [row[1:] for row in rows], ids=[row[0] for row in rows])


@named(TABLE["addresses"])
def test_an_address_goes_on_as_it_is_meant(typed: str, wanted: str | None) -> None:
    feedback, faults = check_fields({"submittedByEmail": typed, "description": "x"}, files=0)
    assert (feedback.email, bool(faults)) == (wanted or "", wanted is None)


@named(TABLE["texts"])
def test_a_text_loses_what_nobody_sees_and_keeps_what_languages_need(typed: str, wanted: str) -> None:
    assert clean_text(typed) == wanted


@named(TABLE["names"])
def test_a_file_s_name_loses_what_hides_and_keeps_what_languages_need(typed: str, wanted: str) -> None:
    assert safe_name(typed, "image/png", 0) == wanted


def test_the_browser_reads_them_alike() -> None:
    typed = {kind: [row[1] for row in TABLE[kind]] for kind in ("addresses", "texts")}
    assert in_the_browser(**typed) == {kind: [row[2] or "" for row in TABLE[kind]] for kind in typed}


def test_nor_does_chance_find_an_address_that_they_read_differently() -> None:
    chance = random.Random(12)
    alphabet = (
        "aZ09.-_+@@ :/?#%[]'\"\\,<>éßйあ中अ\u0301\u094d\u00a0\u200b\u200d\u202e\u3002\uff20\uff0e\uff41\ufeff😀İK"
    )
    # A browser's script cannot decode punycode, so only the server refuses symbols that are written in it.
    rows = [row[1] for row in TABLE["addresses"] if "xn--" not in row[1].lower()]
    typed = []
    for _ in range(4000):
        text = list(chance.choice(rows)[:80])
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(text) + 1)
            text[place : place + chance.randrange(2)] = chance.choice(alphabet)
        typed.append("".join(text))
    browser = in_the_browser(addresses=typed)["addresses"]
    assert [each for each in zip(typed, map(read, typed), browser, strict=True) if each[1] != each[2]] == []


@pytest.mark.parametrize(
    ("address", "mixes"),
    [
        ("ada@example.com", False),
        ("\u0430\u0434\u0430@example.com", False),
        ("\u0430da@example.com", True),
        ("ada@xn--pple-43d.com", True),
        ("ada@xn--e1afmkfd.example", False),
        ("ada@xn--bcher-kva.example", False),
        ("ada@xn--\u2028.example", False),
    ],
    ids=["Latin", "Cyrillic", "one Cyrillic letter", "a Cyrillic letter in the domain", "its own", "umlaut", "broken"],
)
def test_mixed_scripts_are_noticed(address: str, mixes: bool) -> None:
    assert addresses.mixes_scripts(address) == mixes


def test_the_same_content_is_known_however_the_address_was_written() -> None:
    def said(email: str) -> Feedback:
        return check_fields({"submittedByEmail": email}, files=0)[0]

    known = Fingerprints(["k" * 32])
    mac = known.make(said("ada@example.com"), [])
    assert known.matches(mac, said(" ada\uff20Example.com\u200b"), [])
    assert not known.matches(mac, said("bob@example.com"), [])


def test_one_address_written_in_two_ways_is_one() -> None:
    assert addresses.same("Ada@b\u00fccher.example", "mailto:ada@xn--bcher-kva.example")
    assert not addresses.same("ada@example.com", "ada@example.net")
    assert addresses.same("not an address", "Not an address")
