"""Hostile requests, and the answer that each must get: `RAW` as bytes for a socket, `HTTP` as requests.

`made` generates any number of further ones, all of which must be refused.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bed import DAY, SECRET_KEY, aged_token
from samples import MAX_FILE_SIZE, png

from widget.submissions.tokens import Tokens

# --- raw sockets ------------------------------------------------------------------------------------------------

HOST = b"Host: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\nAccept: application/json\r\n"


def get(*fields: bytes, path: bytes = b"/form/demo", version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET %s %s\r\n" % (path, version) + HOST + b"".join(one + b"\r\n" for one in fields) + b"\r\n"


def post(head: bytes, body: bytes = b"") -> bytes:
    return b"POST /form/demo HTTP/1.1\r\n" + HOST + FORM + head + b"\r\n" + body


PART = b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nhi\r\n--b--\r\n'
SIZED = b"Content-Length: %d\r\n" % len(PART)
SMUGGLED = b"GET /form/demo HTTP/1.1\r\nHost: localhost\r\n\r\n"

RAW: Mapping[str, tuple[bytes, int | None]] = {
    # Where one request ends and the next begins.
    "length and chunks": (post(SIZED + CHUNKED, b"0\r\n\r\n" + SMUGGLED), 400),
    "chunks and length": (post(CHUNKED + SIZED, b"0\r\n\r\n" + SMUGGLED), 400),
    "two lengths, equal": (post(SIZED + SIZED, PART), 400),
    "two lengths, different": (post(SIZED + b"Content-Length: 0\r\n", PART), 400),
    "a list of lengths": (post(b"Content-Length: 5, 5\r\n", b"hello"), 400),
    "a length with a plus": (post(b"Content-Length: +5\r\n", b"hello"), 400),
    "a length below nothing": (post(b"Content-Length: -5\r\n", b"hello"), 400),
    "a length in hex": (post(b"Content-Length: 0x5\r\n", b"hello"), 400),
    "a length with a letter": (post(b"Content-Length: 5a\r\n", b"hello"), 400),
    "a length with a point": (post(b"Content-Length: 5.0\r\n", b"hello"), 400),
    "a length of no digits": (post(b"Content-Length: \r\n", b"hello"), 400),
    "a length beyond 64 bits": (post(b"Content-Length: 99999999999999999999999\r\n", b"hello"), 400),
    "a space before the colon": (post(b"Content-Length : 5\r\n", b"hello"), 400),
    "a tab before the colon": (post(b"Content-Length\t: 5\r\n", b"hello"), 400),
    "a folded field": (get(b"X-Folded: one\r\n two"), 400),
    "a folded coding": (post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), 400),
    "lines that end in LF": (b"GET /form/demo HTTP/1.1\nHost: localhost\n\n", 400),
    "one line that ends in LF": (b"GET /form/demo HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    "a bare CR in a field": (get(b"X: a\rContent-Length: 5"), 400),
    "a NUL in a field": (get(b"X: a\0b"), 400),
    "a NUL in a name": (get(b"X\0: a"), 400),
    "a vertical tab before the coding": (post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), 400),
    "an unknown coding": (post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400),
    "identity": (post(b"Transfer-Encoding: identity\r\n", b"hello"), 400),
    "two codings in one field": (post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 400),
    "chunked before gzip": (post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), 400),
    "two codings in two fields": (post(CHUNKED + CHUNKED, b"0\r\n\r\n"), 400),
    "a quoted coding": (post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"), 400),
    "chunks in HTTP/1.0": (post(CHUNKED, b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "a chunk of no size": (post(CHUNKED, b"\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk of no number": (post(CHUNKED, b"zz\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk below nothing": (post(CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size with 0x": (post(CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size with a plus": (post(CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size with a space": (post(CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk size beyond 64 bits": (post(CHUNKED, b"fffffffffffffffff\r\nhello"), 400),
    "a chunk that ends in LF": (post(CHUNKED, b"5\nhello\n0\n\n"), 400),
    "a chunk longer than it says": (post(CHUNKED, b"5\r\nhello!\r\n0\r\n\r\n"), 400),
    "a chunk shorter than it says": (post(CHUNKED, b"5\r\nhell\r\n0\r\n\r\n"), 400),
    "a trailer field": (post(CHUNKED, b"5\r\nhello\r\n0\r\nAccept: text/html\r\n\r\n"), 400),
    "extensions without end": (post(CHUNKED, b"".join(b"1;%s\r\nx\r\n" % (b"e" * 8000) for _ in range(400))), 400),
    # Ambiguous hosts.
    "no host": (b"GET /form/demo HTTP/1.1\r\n\r\n", 400),
    "two hosts": (get(b"Host: evil.example"), 400),
    "an empty host": (b"GET /form/demo HTTP/1.1\r\nHost: \r\n\r\n", 400),
    "a host with a path": (b"GET /form/demo HTTP/1.1\r\nHost: localhost/evil\r\n\r\n", 400),
    "a host with a user": (b"GET /form/demo HTTP/1.1\r\nHost: me@localhost\r\n\r\n", 400),
    "a host with a space": (b"GET /form/demo HTTP/1.1\r\nHost: local host\r\n\r\n", 400),
    "a host with markup": (b'GET /form/demo HTTP/1.1\r\nHost: "><script>\r\n\r\n', 400),
    "two origins": (post(SIZED + b"Origin: http://localhost\r\nOrigin: https://evil.example\r\n", PART), 400),
    "two fetch sites": (post(SIZED + b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n", PART), 400),
    "two media types": (post(SIZED + b"Content-Type: text/plain\r\n", PART), 400),
    # Not HTTP/1 at all.
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "an HTTP/2 request line": (get(version=b"HTTP/2.0"), 505),
    "HTTP/0.9": (b"GET /form/demo\r\n\r\n", 505),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), 400),
    "HTTP/9.9": (get(version=b"HTTP/9.9"), 400),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", 400),
    "a mail": (b"EHLO evil.example\r\n", 400),
    "zeros": (b"\x00" * 200, 400),
    "a method in small letters": (b"get /form/demo HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a method of its own": (b"EVIL /form/demo HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a tab in the request line": (b"GET\t/form/demo HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a space before the request": (b" GET /form/demo HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a raw byte in the address": (get(path=b"/form/\xff\xfe"), 400),
    "no resource": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "an address without a path": (b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a query alone": (b"GET http://localhost?a HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "no path": (b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a tunnel": (b"CONNECT insider.example:443 HTTP/1.1\r\nHost: insider.example:443\r\n\r\n", 400),
    "an upgrade with a body": (post(SIZED + b"Connection: Upgrade\r\nUpgrade: h2c\r\n", PART), 400),
    "a field without a colon": (get(b"nocolon"), 400),
    "a field without a name": (get(b": value"), 400),
    "a space in a name": (get(b"X Y: z"), 400),
    "a raw byte in a name": (get(b"X\xc3\xa4: z"), 400),
    # Too much.
    "an address of 40 KiB": (get(path=b"/form/demo?lang=" + b"a" * 40_000), 431),
    "a field of 40 KiB": (get(b"X: " + b"a" * 40_000), 431),
    "a name of 40 KiB": (get(b"a" * 40_000 + b": x"), 431),
    "2000 fields": (get(*(b"X-%d: y" % n for n in range(2000))), 431),
    "120 fields": (get(*(b"X-%d: y" % n for n in range(120))), 431),
    "a field that does not end": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000, 431),
    # Too slow: the deadlines above.
    "nothing": (b"", None),
    "one byte": (b"G", 408),
    "half a request line": (b"GET /form/demo HT", 408),
    "half a head": (b"GET /form/demo HTTP/1.1\r\nHost: local", 408),
    "line breaks alone": (b"\r\n\r\n\r\n", None),
    "a body that does not come": (post(b"Content-Length: 500\r\n"), 400),
    "half a body": (post(b"Content-Length: 500\r\n", PART[:30]), 400),
    "half a chunk": (post(CHUNKED, b"ff\r\nhello"), 400),
}


# --- through HTTP -----------------------------------------------------------------------------------------------

TOKENS = Tokens([SECRET_KEY], 86_400)
OF_FORM = {"Content-Type": "multipart/form-data; boundary=b"}
GOOD = {"description": "hi", "submittedByEmail": "ada@example.com"}
PNG = ("a.png", png(), "image/png")


@dataclass(frozen=True)
class Case:
    """A request that is well-formed HTTP, and the answer that it must get."""

    status: int
    code: str
    method: str = "POST"
    path: str = "/form/demo"
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tuple[str, bytes, str]] = ()
    body: bytes | Callable[[], Iterator[bytes]] | None = None
    token: str | None = None


def multipart(*parts: bytes, boundary: bytes = b"b", end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + end


def part(name: str, value: bytes = b"x", more: str = "") -> bytes:
    return f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value


def body(*parts: bytes, status: int = 400, code: str = "malformed", **more: Any) -> Case:
    return Case(
        status, code, headers={"Content-Type": "multipart/form-data; boundary=b"}, body=multipart(*parts), **more
    )


def of_type(media_type: str, status: int, code: str, content: bytes = PART) -> Case:
    return Case(status, code, headers={"Content-Type": media_type}, body=content)


def forged(token: str) -> Case:
    return Case(403, "token_invalid", token=token)


def without_end() -> Iterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n'
    for _ in range(800):
        yield b"a" * 65536


GENUINE = TOKENS.form("demo")
HTTP: Mapping[str, Case] = {
    # Addresses and methods that do not exist.
    **{
        f"{method} a form": Case(405, "method_not_allowed", method=method)
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
    },
    **{
        f"POST {path}": Case(405, "method_not_allowed", path=path)
        for path in (
            "/healthz",
            "/readyz",
            "/embed.js",
            "/static/form.css",
            "/receipt/x",
            "/form/demo/token",
            "/form/demo/challenge",
        )
    },
    **{
        f"GET {path}": Case(404, code, method="GET", path=path)
        for path, code in {
            "/": "not_found",
            "/admin": "not_found",
            "/.env": "not_found",
            "/.git/config": "not_found",
            "/static/../widget.toml": "not_found",
            "/static/%2e%2e/widget.toml": "not_found",
            "/static/..%2fwidget.toml": "not_found",
            "/static/..%5cwidget.toml": "not_found",
            "/static//etc/passwd": "not_found",
            "/static/%00": "not_found",
            "/static/form.css%00.js": "not_found",
            "/form/nobody": "product_unknown",
            "/form/%00": "product_unknown",
            "/form/DEMO": "product_unknown",
            "/form/demo%20": "product_unknown",
            "/form/..": "not_found",
            "/form/demo/": "not_found",
            "/form/%F0%9F%92%A9": "product_unknown",
            "/form/{{7*7}}": "product_unknown",
            "/form/demo';--": "product_unknown",
            "/receipt/x": "receipt_unknown",
            "/receipt/%00": "receipt_unknown",
        }.items()
    },
    "a token as receipt": Case(404, "receipt_unknown", method="GET", path=f"/receipt/{GENUINE}"),
    "a path of 5000": Case(404, "product_unknown", method="GET", path=f"/form/{'a' * 5000}"),
    "a receipt of 5000": Case(404, "receipt_unknown", method="GET", path=f"/receipt/{'a' * 5000}"),
    "the challenge of no token": Case(403, "token_invalid", method="GET", path="/form/demo/challenge"),
    # Origins.
    **{
        f"from {site}": Case(403, "origin_not_allowed", headers={"Sec-Fetch-Site": site})
        for site in ("cross-site", "same-site", "", "SAME-ORIGIN", "same-origin, cross-site")
    },
    **{
        f"origin {origin}": Case(403, "origin_not_allowed", headers={"Origin": origin})
        for origin in (
            "null",
            "https://evil.example",
            "https://app.example.com",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1",
            "https://127.0.0.1:1",
            "file://",
            "*",
        )
    },
    "a fetch site that outdoes an origin": Case(
        403, "origin_not_allowed", headers={"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"}
    ),
    # Tokens.
    "no token": Case(403, "token_invalid", token=""),
    "junk as token": forged("junk"),
    "a token of nothing": forged("."),
    "a token with a NUL": forged(GENUINE + "\0"),
    "a token with a line break": forged(GENUINE + "\r\n"),
    "a token with something behind": forged(GENUINE + ".x"),
    "a token cut short": forged(GENUINE[:-3]),
    "a token with another content": forged("W10" + GENUINE[3:]),
    "a token with another time": forged(GENUINE.replace(GENUINE.split(".")[1], "AAAAAA")),
    "a token without signature": forged(GENUINE.rpartition(".")[0] + "."),
    "a token of another product": forged(TOKENS.form("other")),
    "a receipt as token": forged(TOKENS.receipt("a" * 32, "demo")),
    "a token of another key": forged(Tokens(["x" * 32], 86_400).form("demo")),
    "a token of 60,000 characters": forged("a" * 60_000),
    "a token beyond ASCII": forged("ä" * 40),
    "a compressed token": forged("." + GENUINE),
    "an expired token": Case(403, "token_expired", token=aged_token(2 * DAY)),
    "a token of the future": forged(aged_token(-2 * DAY)),
    # Not a form.
    **{
        f"type {media_type}": of_type(media_type, 415, "media_type")
        for media_type in (
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/mixed; boundary=b",
            "multipart/form-dataX; boundary=b",
            "application/octet-stream",
            "text/xml",
        )
    },
    "no boundary": of_type("multipart/form-data", 400, "malformed"),
    "an empty boundary": of_type("multipart/form-data; boundary=", 400, "malformed"),
    "a boundary of 71 characters": of_type(f"multipart/form-data; boundary={'b' * 71}", 400, "malformed"),
    "a boundary of odd characters": of_type('multipart/form-data; boundary="b;\\"<>"', 400, "malformed"),
    "another boundary": of_type("multipart/form-data; boundary=c", 400, "malformed"),
    "an empty body": of_type("multipart/form-data; boundary=b", 400, "malformed", b""),
    "no closing boundary": of_type("multipart/form-data; boundary=b", 400, "malformed", PART[:-9]),
    "half a closing boundary": of_type("multipart/form-data; boundary=b", 400, "malformed", PART[:-4]),
    "lines of LF": of_type("multipart/form-data; boundary=b", 400, "malformed", PART.replace(b"\r\n", b"\n")),
    "a part without a name": body(b"Content-Disposition: form-data\r\n\r\nhi"),
    "a part without a disposition": body(b"Content-Type: text/plain\r\n\r\nhi"),
    "an attachment as a part": body(b'Content-Disposition: attachment; name="description"\r\n\r\nhi'),
    "a part of no head": body(b"hi"),
    "two descriptions": body(part("description"), part("description")),
    "two tokens": body(part("token"), part("token")),
    "a description with a file name": body(part("description", more='; filename="x.png"')),
    "files without a file name": body(part("files")),
    "text that is not UTF-8": body(part("description", b"\xff\xfe")),
    "a lone surrogate": body(part("description", b"\xed\xa0\x80")),
    "an overlong slash": body(part("description", b"\xc0\xaf")),
    "a part in base64": body(
        b'Content-Disposition: form-data; name="x"\r\nContent-Transfer-Encoding: base64\r\n\r\naGk='
    ),
    "two dispositions": body(
        b'Content-Disposition: form-data; name="x"\r\nContent-Disposition: form-data; name="y"\r\n\r\nhi'
    ),
    "20 fields in a part": body(b"".join(b"X-%d: y\r\n" % n for n in range(20)) + part("description")),
    "a field of 10 KiB in a part": body(b"X: " + b"y" * 10_000 + b"\r\n" + part("description")),
    "101 parts": body(*(part(f"x{n}") for n in range(101)), status=413, code="request_too_large"),
    # Too much.
    "a text of 70 KiB": Case(413, "request_too_large", fields={"description": "a" * 70_000}),
    "an address of 70 KiB": Case(413, "request_too_large", fields={"submittedByEmail": "a" * 70_000}),
    "a file of 4 MiB and a byte": Case(
        413, "file_too_large", files=[("a.png", png(size=MAX_FILE_SIZE) + b"x", "image/png")]
    ),
    "6 files": Case(413, "too_many_files", files=[PNG] * 6),
    "60 files": Case(413, "too_many_files", files=[PNG] * 60),
    "a body without end": Case(413, "request_too_large", headers=OF_FORM, body=without_end),
    # Files.
    **{
        f"a file of {what}": Case(415, "file_type", files=[(f"a.{what}", content, "image/png")])
        for what, content in {
            "exe": b"MZ" + b"\0" * 100,
            "gif": b"GIF89a" + b"\0" * 100,
            "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "html": b"<!doctype html><script>alert(1)</script>",
            "zip": b"PK\x03\x04" + b"\0" * 100,
            "txt": b"words",
            "nothing": b"",
            "webp": b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 60,
            "elf": b"\x7fELF" + b"\0" * 100,
        }.items()
    },
    # Fields.
    "a text of 1001": Case(422, "too_long", fields={"description": "a" * 1001}),
    "501 emoji": Case(422, "too_long", fields={"description": "👍" * 501}),
    "an address of 300": Case(422, "too_long", fields={"submittedByEmail": "a" * 290 + "@example.com"}),
    **{
        f"address {email!r}": Case(422, "invalid", fields={"submittedByEmail": email})
        for email in (
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@@example.com",
            "ada@exa mple.com",
            "ada@example.com,bob@example.com",
            "ada@[127.0.0.1]",
            "ada\r\nBcc: x@example.com",
            "<script>@example.com",
            "ada@example.com\0",
            "ada@-example.com",
        )
    },
    "no address": Case(422, "required", fields={"submittedByEmail": ""}),
    "a rating of its own": Case(422, "invalid", fields={"sentimentRating": "TRUE"}),
    "a consent of its own": Case(422, "invalid", fields={"contactConsent": "1"}),
    "nothing said": Case(422, "empty", fields={"description": ""}),
    "control characters alone": Case(422, "empty", fields={"description": "\0\x01\x1b\x7f"}),
}


# --- generated at random ----------------------------------------------------------------------------------------

_BASE_HEAD = [
    b"POST /form/demo HTTP/1.1",
    b"Host: localhost",
    b"Content-Type: multipart/form-data; boundary=b",
    b"Sec-Fetch-Site: same-origin",
    b"Content-Length: %d",
]
_BASE_PARTS = [
    part("token", GENUINE.encode()),
    part("description", "words, 言葉, \u200bمی‌خواهم".encode()),
    part("submittedByEmail", b"nobody"),  # so that no change makes it acceptable
    part("sentimentRating", b"maybe"),
    part("files", png(), more='; filename="a.png"'),
]
_ODD = [bytes([byte]) for byte in (0, 9, 10, 11, 12, 13, 32, 34, 45, 58, 59, 61, 92, 127, 128, 255)]
_ODD += [b"\r\n", b"--b", b"--", b"%00", b"../", b"\xc3\xa4", b"\xe2\x80\xae", b"'; DROP TABLE submission; --"]


def made(number: int, seed: int) -> Iterator[bytes]:
    """Whole requests whose head and body, in turn, have one to three random changes.

    None can be accepted. The head always asks for JSON and for the connection to be closed.
    """
    chance = random.Random(seed)
    for count in range(number):
        head, content = list(_BASE_HEAD), multipart(*_BASE_PARTS)
        if count % 2:
            pieces = content.split(b"\r\n")
            for _ in range(chance.randrange(1, 4)):
                _change(pieces, chance)
            content = b"\r\n".join(pieces)
        head[-1] %= len(content)
        if not count % 2:
            for _ in range(chance.randrange(1, 4)):
                _change(head, chance)
        yield b"\r\n".join([*head, b"Accept: application/json", b"Connection: close", b"", content])


def _change(lines: list[bytes], chance: random.Random) -> None:
    """Remove, repeat, swap, cut or alter a line."""
    at = chance.randrange(len(lines))
    line = lines[at]
    place = chance.randrange(len(line) + 1)
    match chance.randrange(6):
        case 0 if len(lines) > 1:
            del lines[at]
        case 1:
            lines.insert(at, line)
        case 2:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], line
        case 3:
            lines[at] = line[:place]
        case 4:
            lines[at] = line[:place] + line[place + 1 :]
        case _:
            lines[at] = line[:place] + chance.choice(_ODD) + line[place:]
