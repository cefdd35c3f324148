"""Requests that are ready to be sent, as a browser would write them."""

import io
from collections.abc import Iterable, Sequence

from PIL import Image

from widget.submissions.tokens import Tokens

SECRET_KEY = "bench-only-" * 3
"""What the measured widget signs its tokens with, so that forms need not be fetched one by one."""
FIELDS = {
    "description": "The new order page is so much faster, thank you. One thing: the totals jump when I scroll.",
    "submittedByEmail": "mara@northwind.example",
    "sentimentRating": "true",
    "contactConsent": "true",
}
_BOUNDARY = "----bench"
_BROWSER = "Host: localhost\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nSec-Fetch-Site: same-origin\r\n"

Request = Sequence[bytes]
"""A request in pieces, so that many can share a file's bytes."""


def get(path: str) -> Request:
    """A GET for a page."""
    return (f"GET {path} HTTP/1.1\r\n{_BROWSER}Accept: text/html\r\n\r\n".encode(),)


def submissions(count: int, file: bytes = b"") -> Iterable[Request]:
    """POSTs of the form, each with a token of its own, and with `file` if there is one."""
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


def picture() -> bytes:
    """A PNG of about 4 MB, of noise, as a browser would send it unharmed: just below what a form takes."""
    target = io.BytesIO()
    Image.effect_noise((1154, 1154), 40).convert("RGB").save(target, "PNG", compress_level=0)
    return target.getvalue()
