"""What the sandbox was asked, and what it holds as a result.

Secrets and tokens are not kept. A request refers to its token by a number.
"""

import hashlib
import itertools
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from starlette.requests import Request

KEPT_REQUESTS = 20_000
FIRST_FEEDBACK, FIRST_ATTACHMENT = 32, 27
"""The first ids, as the API's document shows them."""
TELLING_HEADERS = (
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "idempotency-key",
    "traceparent",
    "user-agent",
    "x-request-id",
)
CHUNK = 64 * 1024
"""Bytes copied at a time."""


@dataclass
class Entry:
    """One request. `kind` is `token`, `create` or `attach`. `status` stays None if it was never answered."""

    number: int
    kind: str
    at: str
    method: str
    path: str
    headers: Mapping[str, str]
    token: int | None = None
    body: Any = None
    fault: str | None = None
    status: int | None = None


@dataclass
class StoredFile:
    """An attachment as it arrived. Its bytes are served at `/_sandbox/files/{number}`."""

    number: int
    name: str
    media_type: str
    size: int
    sha256: str


@dataclass
class StoredFeedback:
    """A feedback as it arrived. `body` is the JSON that was sent, unchanged."""

    id: int
    at: str
    account: str
    body: Mapping[str, Any]
    idempotency_key: str | None
    request_id: str | None
    attachments: list[StoredFile] = field(default_factory=list)


def timestamp() -> str:
    """The current time in the record's format."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Record:
    """Everything received since the start or the last `clear`. Files are in a temporary folder until `close`."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="insider-sandbox-")
        self._numbers = itertools.count(1)
        self._feedback_ids = itertools.count(FIRST_FEEDBACK)
        self._file_numbers = itertools.count(FIRST_ATTACHMENT)
        self.requests: deque[Entry] = deque(maxlen=KEPT_REQUESTS)
        self.feedbacks: dict[int, StoredFeedback] = {}
        self.counts: Counter[str] = Counter()
        self.version = 0
        """Changes with every feedback, file and fault, so that the inbox knows when to look again."""

    def begin(self, request: Request, kind: str) -> Entry:
        """Record a request before anything is decided about it."""
        headers = {name: request.headers[name] for name in TELLING_HEADERS if name in request.headers}
        entry = Entry(next(self._numbers), kind, timestamp(), request.method, request.url.path, headers)
        self.requests.append(entry)
        self.counts[kind] += 1
        return entry

    def add_feedback(self, account: str, body: Mapping[str, Any], entry: Entry) -> StoredFeedback:
        """Store a feedback and give it an id."""
        headers = entry.headers
        feedback = StoredFeedback(
            next(self._feedback_ids),
            timestamp(),
            account,
            body,
            headers.get("idempotency-key"),
            headers.get("x-request-id"),
        )
        self.feedbacks[feedback.id] = feedback
        self.version += 1
        return feedback

    def add_file(self, feedback: StoredFeedback, name: str, media_type: str, content: BinaryIO) -> StoredFile:
        """Store a file of a feedback, byte for byte."""
        number, digest, size = next(self._file_numbers), hashlib.sha256(), 0
        with self.file_path(number).open("wb") as target:
            while chunk := content.read(CHUNK):
                digest.update(chunk)
                size += target.write(chunk)
        stored = StoredFile(number, name, media_type, size, digest.hexdigest())
        feedback.attachments.append(stored)
        self.version += 1
        return stored

    def file(self, number: int) -> StoredFile | None:
        """The file with that number, if it is still stored."""
        files = (file for feedback in self.feedbacks.values() for file in feedback.attachments)
        return next((file for file in files if file.number == number), None)

    def file_path(self, number: int) -> Path:
        """The path of a file's bytes."""
        return Path(self._folder.name, str(number))

    def clear(self) -> None:
        """Forget everything. The ids continue, so that none is ever given twice."""
        for feedback in self.feedbacks.values():
            for file in feedback.attachments:
                self.file_path(file.number).unlink(missing_ok=True)
        self.requests.clear()
        self.feedbacks.clear()
        self.counts.clear()
        self.version += 1

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    def as_json(self) -> dict[str, Any]:
        """The record in the form of `GET /_sandbox/record`."""
        return {
            "counts": {kind: self.counts[kind] for kind in ("token", "create", "attach")},
            "feedbacks": [asdict(feedback) for feedback in self.feedbacks.values()],
            "requests": [asdict(entry) for entry in self.requests],
        }
