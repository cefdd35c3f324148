"""Prepared requests, as a browser would write them."""

import io
from collections.abc import Iterable, Sequence

from PIL import Image

from widget.submissions.tokens import Tokens

SECRET_KEY = "bench-only-and-known-to-everybody"  # noqa: S105 - it protects nothing
"""The measured widget's signing key, so that no forms have to be fetched."""
FIELDS = {
    "description": "The new order page is so much faster, thank you. One thing: the totals jump when I scroll.",
    "submittedByEmail": "mara@northwind.example",
    "sentimentRating": "true",
    "contactConsent": "true",
}
_BOUNDARY = "----bench"
_BROWSER = "Host: localhost\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nSec-Fetch-Site: same-origin\r\n"

Request = Sequence[bytes]
"""A request in chunks, so that many requests can share a file's bytes."""


def get(path: str) -> Request:
    """A GET for a page."""
    return (f"GET {path} HTTP/1.1\r\n{_BROWSER}Accept: text/html\r\n\r\n".encode(),)


def submissions(count: int, file: bytes = b"") -> Iterable[Request]:
    """POSTs of the form, each with its own token, and with `file` if there is one."""
    tokens = Tokens([SECRET_KEY], 86_400)
    return (_submission(tokens.form("demo"), file) for _ in range(count))


def _submission(token: str, file: bytes) -> Request:
    fields = {"token": token, **FIELDS}
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file:
        head = 'Content-Disposition: form-data; name="files"; filename="a.png"\r\nContent-Type: image/png'
        parts += [f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode(), file, b"\r\n"]
    parts.append(f"--{_BOUNDARY}--\r\n".encode())
    head = (
        f"POST /form/demo HTTP/1.1\r\n{_BROWSER}Accept: application/json\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {sum(map(len, parts))}\r\n\r\n"
    )
    if not file:
        return (b"".join([head.encode(), *parts]),)
    return (head.encode(), *parts)


def picture(side: int = 1154) -> bytes:
    """A PNG of noise, `side` pixels wide and high, 3 bytes for each. The default is about 4 MB, just below the limit,
    so that a browser would send it unchanged."""
    target = io.BytesIO()
    Image.effect_noise((side, side), 40).convert("RGB").save(target, "PNG", compress_level=0)
    return target.getvalue()
