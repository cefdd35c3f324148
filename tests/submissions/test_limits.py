"""Limits and file types are defined once. Code that needs its own copy has the same values."""

import json
import subprocess
from typing import Any

import pytest
from bed import ROOT

from widget import files
from widget.sandbox import rules
from widget.submissions import context, limits

_SCRIPT = """
globalThis.document = {documentElement: {}}
const {readContext} = await import(%s)
const {called, identify, TYPES} = await import(%s)
let given = ''
for await (const chunk of process.stdin) given += chunk
const {heads = [], names = [], contexts = []} = JSON.parse(given)
console.log(JSON.stringify({
  types: TYPES,
  heads: await Promise.all(heads.map(head => identify(new Blob([Uint8Array.from(head)])))),
  names: names.map(([name, kind]) => called(new File([], name), name, kind).name),
  contexts: contexts.map(given => readContext(given)),
}))
"""


def in_the_browser(**given: Any) -> dict[str, Any]:
    """How the form's scripts judge a file's first bytes, names, and what a host page passes."""
    modules = (json.dumps((ROOT / "static" / "form" / name).as_uri()) for name in ("host-page.js", "file-kind.js"))
    command = ["node", "--input-type=module", "-e", _SCRIPT % tuple(modules)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    read: dict[str, Any] = json.loads(done.stdout)
    return read


HEADS = [
    b"\xff\xd8\xff\xe0", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"\x89PNG\n\x1a\n", b"%PDF-1.7", b" \xff\xd8\xff",
    b"\xef\xbb\xbf%PDF-1.4", b"\0\t\n\f\r %PDF-1.4", b"From: me\r\n\r\n%PDF-1.4", b"x%PDF-1.4", b"a\n x%PDF-1.4",
    b"y" * 1018 + b"\n%PDF-1", b"y" * 1019 + b"\n%PDF-1", b"", b"\xff" * 1100, b"\n\n\xc3\xa9\n%PDF-", b"\x85%PDF-1.4",
    b" \xef\xbb\xbf%PDF-1", b"\xef\xbb\xbf\xef\xbb\xbf\r\n%PDF-1", b"\xff\xfe%PDF-1", b"\xfe\xff\0%PDF-1",
    b"\xc2\xa0%PDF-1", b"a\n\xef\xbb\xbf \xef\xbb\xbf%PDF-1", b"\xef\xbb%PDF-1", b"\xff%PDF-1",
]  # fmt: skip
HEADS += [b"%c%%PDF-1.4" % byte for byte in range(256)]


def test_the_browser_tells_a_file_by_its_first_bytes_as_the_server_does() -> None:
    found = in_the_browser(heads=[list(head) for head in HEADS])
    assert found["types"] == {kind: about.media_type for kind, about in limits.KINDS.items()}
    here = [files.identify(head[: files.HEAD_SIZE]) for head in HEADS]
    there = [found["types"].get(kind) for kind in found["heads"]]
    assert [each for each in zip(HEADS, here, there, strict=True) if each[1] != each[2]] == []


def test_the_browser_knows_the_extensions_that_the_server_takes() -> None:
    extensions = [extension for kind in limits.KINDS.values() for extension in kind.extensions]
    cases = [(f"a{extension}", kind) for kind in limits.KINDS for extension in [*extensions, ".PNG", "", ".docx"]]
    for (name, kind), called in zip(cases, in_the_browser(names=cases)["names"], strict=True):
        assert called == files.safe_name(name, limits.KINDS[kind].media_type, 0), (name, kind)


CONTEXTS: dict[str, dict[str, Any]] = {
    "many keys": {f"key {number}": number for number in range(30)},
    "long keys": {"k" * 40: "kept", "k" * 41: "left out", "😀" * 40: "kept", "😀" * 41: "left out"},
    "long values": {"text": "x" * 400, "emoji": "😀" * 400, "half": "x" * 299 + "😀"},
    "white space": {" a \n b ": " c\t\t d ", "empty": " ", " ": "no key", "\u3000": "blank"},
    "kinds of values": {"yes": True, "no": False, "none": None, "number": 3, "half": 0.5, "list": [1], "table": {}},
    "addresses": {"page": "https://app.example.com/orders?token=x#y", "path": "/orders"},
}


@pytest.fixture(scope="module")
def shown() -> dict[str, list[list[str]]]:
    return dict(zip(CONTEXTS, in_the_browser(contexts=list(CONTEXTS.values()))["contexts"], strict=True))


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_server_keeps_of_a_context_what_the_browser_shows(name: str, shown: dict[str, list[list[str]]]) -> None:
    sent = json.dumps(dict(shown[name]))
    assert [list(pair) for pair in context.read(sent)] == shown[name]
    assert context.read(json.dumps(CONTEXTS[name])) == context.read(sent)


def test_a_lone_surrogate_in_a_context_is_dropped() -> None:
    kept = context.read(r'{"\ud83dpage": "x\ud83d", "\udc00": "x", "smile": "\ud83d\ude42"}')
    assert kept == (("page", "x"), ("smile", "🙂"))
    context.write(kept).encode()


def test_the_sandbox_accepts_what_the_widget_sends_and_no_more() -> None:
    assert rules.MEDIA_TYPES == limits.MEDIA_TYPES
    assert (rules.MAX_DESCRIPTION, rules.MAX_FILE_SIZE) == (limits.MAX_DESCRIPTION, limits.MAX_FILE_SIZE)
