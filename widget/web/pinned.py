"""`embed.js` under an address that never changes, `/embed/{version}/embed.js`, for pages that state its hash.

The loader finds the form and its modules beside its own address. Here that is two folders down, so this copy names
them two folders up; its version is the hash of what it says.
"""

import base64
import hashlib
import re

_BESIDE = re.compile(rb"`(?=(?:static/embed-|form/)\$\{)")


def copy(loader: bytes) -> bytes:
    """The loader as it is served under its version."""
    return _BESIDE.sub(b"`../../", loader)


def path(pinned: bytes) -> str:
    """The address of a pinned copy, below that of the service."""
    return f"/embed/{hashlib.sha256(pinned).hexdigest()[:12]}/embed.js"


def integrity(pinned: bytes) -> str:
    """Its hash, as the attribute `integrity` takes it (https://www.w3.org/TR/SRI/)."""
    return f"sha384-{base64.b64encode(hashlib.sha384(pinned).digest()).decode()}"


def tag(loader: bytes, service: str) -> str:
    """The script tag that takes this very loader from the service at that address, and no other."""
    pinned = copy(loader)
    return (
        f'<script src="{service.rstrip("/")}{path(pinned)}" integrity="{integrity(pinned)}" crossorigin async></script>'
    )
