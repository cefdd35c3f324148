"""Finds templates and static files: beside the package in a checkout, inside it in a wheel."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def path(name: str) -> Path:
    """The folder `name`: "templates", "static", or "brotli", which only a wheel has."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
_END_OF_BLOCK = re.compile(rb";?\s*\}\s*")
_PUNCTUATION = re.compile(rb"\s*([{;,])\s+")


def content(file: Path) -> bytes:
    """What is served of a file. A folder of style sheets is served as one sheet: its files in the order of their names,
    without comments and indentation, which are for those who read the source."""
    if not file.is_dir():
        return file.read_bytes()
    return _as_one(*(part.read_bytes() for part in sorted(file.iterdir())))


@lru_cache(maxsize=16)  # of files that a reload finds unchanged
def _as_one(*sheets: bytes) -> bytes:
    css = b"".join(_COMMENT.sub(b"", sheet) for sheet in sheets)
    return _PUNCTUATION.sub(rb"\1", _END_OF_BLOCK.sub(b"}", css)).strip()


def compressed(served: bytes) -> bytes | None:
    """What `served` became in brotli while the wheel was built. None in a checkout, and for what is not ours."""
    file = path("brotli") / hashlib.sha256(served).hexdigest()
    return file.read_bytes() if file.is_file() else None
