"""What Insider Connect accepts. All other modules of the widget read it here; the browser gets it with the page.

The sandbox stands for Insider Connect itself, so it has its own figures. A test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MAX_DESCRIPTION = 1000
"""Characters, counted in UTF-16 units with each line break once, as browsers and Insider Connect count them."""
MAX_FILES = 5
MAX_FILE_SIZE = 4 * 1024 * 1024
"""Bytes."""

Kind = Literal["jpeg", "png", "pdf"]
"""A kind of file, as settings name it."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind's media type, and the extensions that fit it, the usual one first."""

    media_type: str
    extensions: tuple[str, ...]


KINDS: Mapping[Kind, FileKind] = {
    "jpeg": FileKind("image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif")),
    "png": FileKind("image/png", (".png",)),
    "pdf": FileKind("application/pdf", (".pdf",)),
}
MEDIA_TYPES = tuple(kind.media_type for kind in KINDS.values())
