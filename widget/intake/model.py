"""A form as it was read: within its limits, and otherwise as the client sent it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as it came in: our own safe `name`, the `media_type` of its content, its `size` in bytes, the `path` where
    it lies, its `position` among the files, from 0, and the SHA-256 `digest` of its content."""

    name: str
    path: Path
    size: int
    media_type: str
    position: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class RawForm:
    """A whole form within its limits. `fields` has the text fields that were sent, except for the token."""

    fields: Mapping[str, str]
    files: tuple[RawFile, ...]
