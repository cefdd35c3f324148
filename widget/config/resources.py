"""Where templates and static files lie: beside the package in a checkout, inside of it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def path(name: str) -> Path:
    """The folder `name` ("templates" or "static")."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def content(file: Path) -> bytes:
    """What is in a file. A folder that is named like a file is served as one: its files in the order of their names."""
    if file.is_dir():
        return b"\n".join(part.read_bytes() for part in sorted(file.iterdir()))
    return file.read_bytes()
