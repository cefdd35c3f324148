"""`embed.js` under an address that never changes, `/embed/{version}/embed.js`, for pages that state its hash.

The loader finds the form and its modules relative to its own address. This copy is two folders down, so it refers to
them two folders up. Its version is the hash of its content.
"""

import base64
import hashlib
import re

_BESIDE = re.compile(rb"`(?=(?:static/embed-|form/)\$\{)")


def copy(loader: bytes) -> bytes:
    """The loader as it is served under its version."""
    return _BESIDE.sub(b"`../../", loader)


def path(pinned: bytes) -> str:
    """The address of a pinned copy, relative to that of the service."""
    return f"/embed/{hashlib.sha256(pinned).hexdigest()[:12]}/embed.js"


def integrity(pinned: bytes) -> str:
    """The hash in the format of the attribute `integrity` (https://www.w3.org/TR/SRI/)."""
    return f"sha384-{base64.b64encode(hashlib.sha384(pinned).digest()).decode()}"


def tag(loader: bytes, service: str) -> str:
    """The script tag that loads exactly this loader from the service at that address."""
    pinned = copy(loader)
    return (
        f'<script src="{service.rstrip("/")}{path(pinned)}" integrity="{integrity(pinned)}" crossorigin async></script>'
    )
