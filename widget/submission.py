"""A submission, its attachments, and the rules of every field, as pure functions.

Where the bytes come from is left to `intake`, what a file is to `files`, where rows go to `outbox`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_DESCRIPTION = 1000
"""Characters, counted in UTF-16 units with each line break once, as browsers and Insider Connect count them."""
MAX_FILES = 5
MAX_FILE_SIZE = 4 * 1024 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said, as Insider Connect takes it. `rating` is None when no thumb was chosen."""

    description: str
    email: str
    rating: bool | None
    consent: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that may go along: our own safe `name`, the `media_type` of its content, its `size` in bytes, and the
    `path` where its bytes lie until the outbox has taken them."""

    name: str
    media_type: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class Submission:
    """What one press of Send carries. `id` is the form token's own, so that a repeat is known as such."""

    id: str
    product: str
    feedback: Feedback
    attachments: tuple[Attachment, ...] = ()
