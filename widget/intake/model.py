"""A form as it was read: within the limits, and otherwise as the client sent it."""

from collections.abc import Mapping
from dataclasses import dataclass

from widget.submissions.spooled import SpooledFile


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as it was received: our own safe `name`, its `content`, its `size` in bytes, the `media_type`, its
    `position` among the files, from 0, and the SHA-256 `digest` of the content."""

    name: str
    content: SpooledFile
    size: int
    media_type: str
    position: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class RawForm:
    """A whole form. `fields` has the text fields that were sent, except for the token."""

    fields: Mapping[str, str]
    files: tuple[RawFile, ...]
