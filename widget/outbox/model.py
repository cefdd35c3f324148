"""The values that the outbox exchanges: claimed work, its outcome, and a submission's status."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from widget.submissions.model import Feedback, Submission
from widget.telemetry.tracing import Origin

_UNKNOWN = Origin()
Status = Literal["waiting", "attached", "refused"]


@dataclass(frozen=True, slots=True)
class Pending:
    """A file to deliver: where its bytes are, whether they are encrypted, and its name, type and size."""

    position: int
    name: str
    media_type: str
    size: int
    blob: str
    sealed: bool = False


NO_ID = -1
"""The id of a feedback that Insider Connect created without giving its id."""


BLOCKED = "blocked"
"""The cause of a row that waits because it alone does not get through."""


def known_id(feedback_id: int | None) -> int | None:
    """The feedback id as people see it: None if Insider Connect gave none."""
    return None if feedback_id == NO_ID else feedback_id


class Due(NamedTuple):
    """A row that may be tried now, and its product, whose gate it has to pass."""

    id: str
    product: str


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed submission. `age` is in seconds, from when it was accepted or put back by the operator; `feedback_id`
    is None until the create is confirmed."""

    id: str
    product: str
    claim: str
    age: float
    attempts: int
    feedback: Feedback
    feedback_id: int | None
    pending: tuple[Pending, ...]
    separately: bool
    possible_duplicate: bool
    data_key: str | None = None
    """The name of the key that encrypts the row."""
    origin: Origin = _UNKNOWN
    has_files: bool = True
    """Whether it may have come with files. Rows of early releases do not say."""
    blocked: bool = False
    """Whether it alone did not get through the last time."""


@dataclass(frozen=True, slots=True)
class Transition:
    """The change that an attempt makes to a claimed row.

    `state` "sending" keeps the claim and renews the lease, because another POST follows. `delay` is in seconds from
    now; None means that the row is not retried automatically. `error` is for the operator. `cause` classifies it in one
    of a few words, for the counts. `public_message` is Insider Connect's own wording, fit to show. `attachments` holds
    the new states of files by position, and `notes` what was found in them.
    """

    state: Literal["sending", "queued", "unknown", "delivered", "refused"]
    delay: float | None = None
    error: str | None = None
    cause: str | None = None
    public_message: str | None = None
    feedback_id: int | None = None
    attachments: Mapping[int, tuple[Status, str | None]] = field(default_factory=dict)
    notes: Mapping[int, str] = field(default_factory=dict)
    separately: bool = False
    possible_duplicate: bool = False
    attempt_spent: bool = True

    @property
    def is_over(self) -> bool:
        """Whether it is not retried automatically any more."""
        return self.state in ("delivered", "refused") or (self.state == "unknown" and self.delay is None)


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """What a receipt may tell about a file: its name and its status."""

    name: str
    status: Status
    message: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class SubmissionStatus:
    """A submission's status, as far as its receipt may tell. Times are Unix seconds."""

    id: str
    product: str
    state: str
    accepted_at: float
    ended_at: float | None
    feedback_id: int | None
    public_message: str | None
    attachments: tuple[StoredAttachment, ...]
    content_mac: str | None = None
    """HMAC of the content, to compare a repeat with."""
    test: bool = False
    """Whether it was marked as a test, and is never delivered."""
    erased: bool = False
    """Whether what was said is no longer stored: it was delivered, or erased."""
    in_doubt: bool = False
    """Whether it may have arrived, whatever became of it here."""


def just_stored(new: Submission, *, test: bool = False) -> SubmissionStatus:
    """The status of a submission that was just stored, without a query."""
    files = tuple(StoredAttachment(file.name, "waiting", None, file.note) for file in new.attachments)
    return SubmissionStatus(new.id, new.product, "queued", time.time(), None, None, None, files, test=test)
