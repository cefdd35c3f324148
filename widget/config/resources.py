"""Where templates and static files lie: beside the package in a checkout, inside of it in a wheel."""

import re
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def path(name: str) -> Path:
    """The folder `name` ("templates" or "static")."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


_COMMENT = re.compile(rb"/\*.*?\*/\s*", re.DOTALL)


def content(file: Path) -> bytes:
    """What is in a file. A folder of style sheets is served as one: its files in the order of their names, without the
    comments, which are for those who read the source."""
    if file.is_dir():
        return b"\n".join(_COMMENT.sub(b"", part.read_bytes()) for part in sorted(file.iterdir()))
    return file.read_bytes()
