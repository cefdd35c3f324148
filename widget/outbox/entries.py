"""The values that an operator works with: which rows are selected, what is known of them, and what a change did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from widget.submissions.model import Feedback

State = Literal["queued", "sending", "unknown", "delivered", "refused", "discarded"]
STATES: tuple[State, ...] = ("queued", "sending", "unknown", "delivered", "refused", "discarded")
RETRIABLE: tuple[State, ...] = ("queued", "unknown", "refused", "discarded")
DISCARDABLE: tuple[State, ...] = ("queued", "unknown", "refused")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selects rows. An empty field selects all; ages are in seconds since a row was accepted.

    `ended_within` selects rows that ended less than so many seconds ago, or have not ended: an unknown one may go on.
    `held` True selects only rows that wait to be released, False all others. `restored` True selects only rows that
    came from a restored backup, False all others. `erased` True selects only rows whose content is erased, False all
    others.
    """

    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    older_than: float | None = None
    younger_than: float | None = None
    ended_within: float | None = None
    held: bool | None = None
    restored: bool | None = None
    erased: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row without what the person said. Times are Unix seconds; `age` and `due_in` are in seconds.

    `due_in` is None if the row is not tried automatically. `public_message` is what Insider Connect says about a
    refusal, fit to be shown. `erased`: the content is gone, as it is for every delivered row.
    """

    id: str
    product: str
    state: State
    accepted_at: float
    ended_at: float | None
    age: float
    due_in: float | None
    attempts: int
    feedback_id: int | None
    possible_duplicate: bool
    last_error: str | None
    public_message: str | None
    held_for: str | None
    files: int
    erased: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are in the same state for the same reason, and the age of the oldest in seconds."""

    state: State
    product: str
    held_for: str | None
    last_error: str | None
    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a row. `blob` is None once its bytes are erased; `sealed` says whether they are encrypted."""

    position: int
    name: str
    media_type: str
    size: int
    status: str
    message: str | None
    note: str | None
    blob: str | None
    sealed: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """A row with its content. `feedback` is None once it is erased. `context` is JSON, `due_at` is in Unix seconds.
    `without_id` means that Insider Connect created the feedback but gave no id."""

    entry: Entry
    feedback: Feedback | None
    attachments: tuple[Attached, ...]
    consent_version: str | None
    context: str | None
    due_at: float | None
    separately: bool
    without_id: bool
    content_mac: str | None
    identity_used: str | None
    locale: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of a change: the ids that were changed, and why the others were not."""

    done: tuple[str, ...]
    left: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Erased:
    """The result of an erasure. `discarded` rows were still waiting; `sending` of them were being sent at that moment.
    `feedback_ids` are those that Insider Connect has confirmed. `left` are ids that do not exist. `damaged` rows were
    left alone, because nobody can say whose they are."""

    ids: tuple[str, ...]
    discarded: int
    sending: int
    feedback_ids: tuple[int, ...]
    left: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
