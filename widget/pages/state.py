"""What a page is rendered from, besides its product and its words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from widget.errors import Fault
from widget.submissions.identity import Person


@dataclass(frozen=True, slots=True)
class Looks:
    """What a page looks like: `theme` is `auto`, `light` or `dark`; `mode` is where it is shown."""

    theme: str = "auto"
    mode: str = "page"


PLAIN = Looks()


@dataclass(frozen=True, slots=True)
class FormState:
    """A form, untouched or with what is to be corrected in it.

    `values` are the fields by their names. `person` is whom a signed identity, which `values` has too, vouches for.
    `challenge` is the proof of work that the form asks for. `retry_after` is in seconds.
    """

    token: str
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    retry_after: float | None = None
    person: Person | None = None
    challenge: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class File:
    """An attachment as an answer or a receipt tells of it. `status` is `attached`, `refused`; else it waits.
    `note` is what was done to it, in words."""

    name: str
    status: str
    message: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ThanksState:
    """The thanks for a submission that is `delivered` or `accepted`, since `at`."""

    status: str
    receipt_url: str
    feedback_id: int | None
    at: datetime
    attachments: Sequence[File] = ()


@dataclass(frozen=True, slots=True)
class ReceiptState:
    """Where a submission stands: `accepted`, `delivered`, `refused` (since `ended_at`) or `expired`."""

    status: str
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    ended_at: datetime | None = None
    feedback_id: int | None = None
    attachments: Sequence[File] = ()
