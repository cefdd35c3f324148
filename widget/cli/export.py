"""Writes whole submissions as JSON lines, with their files in base64 or in a folder.

Only the user who runs the export can read its output files.
"""

import base64
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from widget.cli.shown import said, written
from widget.errors import AttachmentMissing
from widget.ops.words import as_json
from widget.outbox.backend import Backend
from widget.outbox.entries import Attached, Whole


@contextmanager
def target(path: Path | None) -> Iterator[TextIO]:
    """A new file that only its owner can read, or standard output. Raises OSError, for example if the file exists."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with open_new(path) as raw, io.TextIOWrapper(raw, encoding="utf-8") as file:
        yield file
        file.flush()
        os.fsync(raw)


async def line(backend: Backend, whole: Whole, folder: Path | None) -> str:
    """A submission as one line. Files go to `folder`, if one is given. Raises OutboxUnavailable or OSError."""
    entry = whole.entry
    content = {
        "id": entry.id,
        "product": entry.product,
        "state": entry.state,
        "accepted_at": written(entry.accepted_at),
        "ended_at": written(entry.ended_at),
        "due_at": written(whole.due_at),
        "attempts": entry.attempts,
        "feedback_id": entry.feedback_id,
        "created_without_id": whole.without_id,
        "possible_duplicate": entry.possible_duplicate,
        "separately": whole.separately,
        "held_for": entry.held_for,
        "last_error": entry.last_error,
        "public_message": entry.public_message,
        "erased": entry.erased,
        "feedback": None if whole.feedback is None else said(whole.feedback),
        "consent_version": whole.consent_version,
        "context": None if whole.context is None else json.loads(whole.context),
        "content_mac": whole.content_mac,
        "identity_used": whole.identity_used,
        "locale": whole.locale,
        "cause": whole.cause,
        "attachments": [await _file(backend, entry.id, file, folder) for file in whole.attachments],
    }
    return as_json(content)


async def _file(backend: Backend, submission_id: str, file: Attached, folder: Path | None) -> dict[str, Any]:
    facts = {name: getattr(file, name) for name in ("name", "media_type", "size", "status", "message", "note")}
    if file.blob is None:
        return facts
    try:
        raw = b"".join([chunk async for chunk in backend.chunks(file.blob, sealed=file.sealed)])
    except AttachmentMissing:
        return {**facts, "missing": True}
    if folder is None:
        return {**facts, "content": base64.b64encode(raw).decode()}
    path = folder / submission_id / f"{file.position}-{file.name}"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open_new(path) as copy:
        copy.write(raw)
    return {**facts, "path": str(path.relative_to(folder))}


def open_new(path: Path) -> BinaryIO:
    """A new file that only its owner can read. Raises FileExistsError."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
